import { describe, expect, it } from 'vitest';
import { BUILT_IN_PATTERNS } from '../../src/config/crash-patterns.ts';
import { poolOf } from './reading.ts';

const health = { by: 'httpGet', path: '/health', port: null, headers: {} };

const llm = {
  restart: 'always',
  startTimeoutMs: 900_000,
  stop: { timeoutMs: 30_000, command: null },
  drain: { deadlineMs: 600_000 },
  backoff: { delayMs: 5_000, factor: 2, limitMs: 300_000, jitter: 0.1, minDelayMs: 0, resetAfterMs: 300_000, classes: { gpu: 2 } },
  crashPatterns: BUILT_IN_PATTERNS,
};

const probes = {
  startup: { action: health, periodMs: 500, timeoutMs: 2_000 },
  readiness: { action: health, periodMs: 2_000, timeoutMs: 2_000, successThreshold: 1, failureThreshold: 2 },
  liveness: { action: health, periodMs: 5_000, timeoutMs: 5_000, successThreshold: 1, failureThreshold: 6 },
};

const progress = { path: '/metrics', port: null, headers: {}, periodMs: 5_000, timeoutMs: 2_000, stallMs: 90_000 };
const inUse = { path: '/metrics', port: null, headers: {}, periodMs: 2_000, timeoutMs: 1_000 };

describe('kinds', () => {
  it('llama-server', () => {
    const pool = poolOf('pools: { p: { kind: llama-server, engine: { command: [x, "${port}"] } } }');
    expect(pool).toMatchObject(llm);
    expect(pool.probes).toEqual({
      ...probes,
      progress: { ...progress, busy: 'llamacpp:requests_processing', counter: 'llamacpp:n_decode_total' },
    });
    expect(pool.inUse).toEqual({ ...inUse, gauge: 'llamacpp:requests_processing' });
  });

  it('vllm', () => {
    const pool = poolOf('pools: { p: { kind: vllm, engine: { command: [x, "${port}"] } } }');
    expect(pool).toMatchObject(llm);
    expect(pool.probes).toEqual({
      ...probes,
      progress: { ...progress, busy: 'vllm:num_requests_running', counter: 'vllm:generation_tokens_total' },
    });
    expect(pool.inUse).toEqual({ ...inUse, gauge: 'vllm:num_requests_running' });
  });

  it('are overridden by single keys', () => {
    const pool = poolOf('pools: { p: { kind: vllm, engine: { command: [x, "${port}"] }, restart: never, backoff: { delay: 1s } } }');
    expect(pool).toMatchObject({ restart: 'never', startTimeoutMs: 900_000, backoff: { delayMs: 1_000, limitMs: 300_000 } });
  });

  it('keep the page of inUse where only the gauge is another, and lose it by none', () => {
    const pool = (own: string) => poolOf(`pools: { p: { kind: vllm, engine: { command: [x, "\${port}"] }, inUse: ${own} } }`);
    expect(pool('{ gauge: mine, httpGet: { port: 9 } }').inUse).toEqual({ ...inUse, port: '9', gauge: 'mine' });
    expect(pool('none').inUse).toBeNull();
  });

  it('put the patterns of the config before the built-in ones', () => {
    const pool = poolOf('pools: { p: { engine: { command: [x] }, crashPatterns: [ { pattern: "CUDA error", class: mine } ] } }');
    expect(pool.crashPatterns).toEqual([{ pattern: 'CUDA error', class: 'mine' }, ...BUILT_IN_PATTERNS]);
  });
});
