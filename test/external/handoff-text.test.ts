import { describe, expect, it } from 'vitest';
import { parseHandoff } from '../../src/engine/external/handoff-text.ts';

const least = { pool: 'chat', url: 'http://127.0.0.1:8080' };
const parsed = (change: object) => parseHandoff(JSON.stringify({ ...least, ...change }));

describe('a handoff file of somebody else', () => {
  it('needs a pool and a url', () => {
    expect(parsed({})).toEqual({ ...least, host: '127.0.0.1', port: 8080, tls: false, pid: null, version: null, device: null });
  });

  it('may be one that poold wrote', () => {
    const own = { replica: 0, generation: 3, engine: 'chat/0', model: '/m.gguf', slots: 4, command: ['x'] };
    expect(parsed({ ...own, pid: 4711, version: 'v2', devices: '0,1' })).toMatchObject({ pid: 4711, version: 'v2', device: '0,1' });
    expect(parsed({ ...own, pid: null, version: null, devices: ['0', '1'] })).toMatchObject({ pid: null, version: null, device: '0,1' });
  });

  it.each([
    ['http://localhost:1/', { url: 'http://localhost:1', host: 'localhost', port: 1 }],
    ['http://[::1]:81/base/', { url: 'http://[::1]:81/base', host: '::1', port: 81 }],
    ['https://127.8.9.10', { url: 'https://127.8.9.10', port: 443, tls: true }],
    ['http://127.1', { url: 'http://127.0.0.1', host: '127.0.0.1', port: 80 }],
    ['http://0x7f000001:9/?query#hash', { url: 'http://127.0.0.1:9', host: '127.0.0.1', port: 9 }],
  ])('may be on loopback: %s', (url, expected) => {
    expect(parsed({ url })).toMatchObject(expected);
  });

  it.each([
    'http://10.0.0.1:80',
    'http://0.0.0.0:80',
    'http://[::]:80',
    'http://[::ffff:10.0.0.1]:80',
    'http://gpu1.internal',
    'http://localhost.example.org',
    'http://127.0.0.1.example.org',
    'http://127.0.0.1@10.0.0.1/',
    'http://169.254.169.254/latest',
  ])('may not be elsewhere: %s', (url) => {
    expect(() => parsed({ url })).toThrow(/not on loopback/);
  });

  it.each([
    '',
    'chat',
    '127.0.0.1:80',
    'file:///etc/passwd',
    'unix:/run/x.sock',
    'javascript:1',
    7,
    null,
    ['http://127.0.0.1'],
    `http://127.0.0.1/${'x'.repeat(2_048)}`,
  ])('needs a url of http: %j', (url) => {
    expect(() => parsed({ url })).toThrow(/no http or https URL/);
  });

  it('shows nobody a password, and no port that cannot be', () => {
    expect(() => parsed({ url: 'http://ann:hunter2@127.0.0.1' })).toThrow(/user or password/);
    expect(() => parsed({ url: 'http://127.0.0.1:0' })).toThrow(/port 0/);
  });

  it.each([
    [{ pool: 'Chat' }, /"pool"/],
    [{ pool: '../chat' }, /"pool"/],
    [{ pool: 'x'.repeat(64) }, /"pool"/],
    [{ pool: null }, /"pool"/],
    [{ pid: 0 }, /"pid"/],
    [{ pid: -1 }, /"pid"/],
    [{ pid: 1.5 }, /"pid"/],
    [{ pid: '1' }, /"pid"/],
    [{ pid: 2 ** 31 }, /"pid"/],
    [{ version: 1 }, /"version"/],
    [{ version: 'x'.repeat(201) }, /"version"/],
    [{ version: '\u001b[31mred' }, /"version"/],
    [{ devices: {} }, /"devices"/],
  ])('is refused for %j', (change, why) => {
    expect(() => parsed(change)).toThrow(why);
  });

  it.each(['', ' ', '{', '{"pool":"chat","url":"http://127.0', 'null', '7', '"chat"', '[]', '[{}]', '\0', '['.repeat(65_536)])(
    'is refused when it is no object: %.40s',
    (text) => {
      expect(() => parseHandoff(text)).toThrow(/^it is not (JSON|a JSON object)$/);
    },
  );

  it('says nothing by its prototype, and changes none', () => {
    expect(() => parseHandoff(`{"__proto__": ${JSON.stringify(least)}}`)).toThrow(/"pool"/);
    expect(() => parseHandoff(`{"constructor": {"prototype": ${JSON.stringify(least)}}}`)).toThrow(/"pool"/);
    const text = '{"__proto__": {"pid": 1, "version": "v1"}, "toString": 1, "pool": "chat", "url": "http://127.0.0.1:8080"}';
    expect(parseHandoff(text)).toMatchObject({ pid: null, version: null });
    expect(Object.getPrototypeOf(parseHandoff(text))).toBe(Object.prototype);
    expect('pool' in {}).toBe(false);
  });
});
