import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Preparations } from '../../src/engine/prepare.ts';
import { poolSpec } from './pool-spec.ts';
import { endRigsAfterEach, Rig, until } from './rig.ts';

endRigsAfterEach();

function preparing(rig: Rig) {
  const preparations = new Preparations(rig.room.host);
  return (pool: string, script: string, vars: Record<string, string> = {}) => {
    const spec = poolSpec({ prepare: { command: ['/bin/sh', '-c', script], timeoutMs: 5_000 }, vars }, pool);
    return preparations.prepare({ spec, instance: `${rig.stateInstance}-${pool}-0-0` });
  };
}

it('runs once per pool and spec, however many ask', async () => {
  const rig = new Rig();
  const prepare = preparing(rig);
  const script = `echo \${vars.model} >>${rig.dir}/fetched`;
  expect(await Promise.all([1, 2, 3].map(() => prepare('chat', script, { model: 'a' })))).toEqual([null, null, null]);
  await prepare('chat', script, { model: 'a' });
  await prepare('chat', script, { model: 'b' });
  await prepare('code', script, { model: 'a' });
  expect(readFileSync(join(rig.dir, 'fetched'), 'utf8')).toBe('a\nb\na\n');
});

it('that failed says how, and is tried again by the next start', async () => {
  const rig = new Rig();
  const prepare = preparing(rig);
  const script = `echo no route to hub; cat ${rig.dir}/net`;
  expect(await prepare('chat', script)).toMatch(/^cannot prepare chat: its prepare command ended with code 1; it said: no route to hub\n/);
  writeFileSync(join(rig.dir, 'net'), 'up');
  expect(await prepare('chat', script)).toBeNull();
});

it('has at most two at a time on the host, and lets the next in when one ends', async () => {
  const rig = new Rig();
  const prepare = preparing(rig);
  const script = (name: string): string =>
    `: >${rig.dir}/${name}.on; while [ ! -e ${rig.dir}/${name}.go ]; do sleep 0.01; done; rm ${rig.dir}/${name}.on`;
  const on = (): string[] => readdirSync(rig.dir).filter((name) => name.endsWith('.on'));
  const runs = ['a', 'b', 'c', 'd'].map((name) => prepare(name, script(name)));
  await until(() => on().length === 2, 'two at work');
  expect(on()).toEqual(['a.on', 'b.on']);
  writeFileSync(join(rig.dir, 'b.go'), '');
  await until(() => on().includes('c.on') && !on().includes('b.on'), 'the third');
  expect(on()).toEqual(['a.on', 'c.on']);
  for (const name of ['a', 'c', 'd']) writeFileSync(join(rig.dir, `${name}.go`), '');
  expect(await Promise.all(runs)).toEqual([null, null, null, null]);
  rmSync(join(rig.dir, 'a.go'));
});

it('is nothing to wait for where a pool has none', async () => {
  const rig = new Rig();
  const preparations = new Preparations(rig.room.host);
  expect(await preparations.prepare({ spec: poolSpec({}), instance: 'none' })).toBeNull();
});
