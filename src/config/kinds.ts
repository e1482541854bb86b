/**
 * What a pool gets where nobody says otherwise: product.md "Starting" and contract.md "Config". `worker` is the ground; the LLM kinds lie
 * over it, `defaults` and the pool over those. Written as people write it, and read by the same schema.
 */
import type { PoolInput, PoolText } from './pool-schema.ts';
import { poolSchema } from './pool-schema.ts';
import type { Kind } from './spec.ts';

const WORKER: PoolText = {
  kind: 'worker',
  autostart: true,
  engine: { host: '127.0.0.1', port: 'auto', stopSignal: 'SIGTERM', limits: { bestEffort: false } },
  replicas: 1,
  slots: 1,
  restart: 'on-failure',
  startTimeout: '120s',
  readyAfter: '1s',
  backoff: { delay: '1s', factor: 2, limit: '60s', jitter: 0.1, minDelay: '0ms', resetAfter: '300s', classes: { gpu: 2 } },
  breaker: { failureThreshold: 5, openFor: '300s', openForMax: '1h', successAfter: '60s' },
  restartLimit: { window: '60s', resetAfter: '600s' },
  storm: { window: '30s' },
  stop: { timeout: '5s' },
  leases: { ttl: '30s', ttlMax: '1h', maxHold: '0s' },
  queue: { limit: 1_000, timeout: '2m', claim: '10s', aging: '30s' },
  drain: { deadline: '30s' },
  reload: { strategy: 'auto', maxSurge: 1, maxUnavailable: 0, soak: '5s' },
  logs: { maxSize: '64MiB', keep: 5, whenFull: 'drop-oldest' },
};

/** Loading takes minutes and a GPU: be patient, come back slowly, and do not take a busy engine for a dead one. */
const LLM: PoolText = {
  restart: 'always',
  startTimeout: '15m',
  stop: { timeout: '30s' },
  drain: { deadline: '10m' },
  backoff: { delay: '5s', limit: '5m' },
  probes: {
    startup: { httpGet: { path: '/health' }, timeout: '2s' },
    readiness: { httpGet: { path: '/health' }, period: '2s', timeout: '2s', failureThreshold: 2 },
    liveness: { httpGet: { path: '/health' }, period: '5s', timeout: '5s', failureThreshold: 6 },
  },
};

/** Over the ground; `n_decode_total` rises with the work, `tokens_predicted_total` only at the end of a request. */
const LLAMA_SERVER: PoolText = {
  kind: 'llama-server',
  ...LLM,
  probes: {
    ...LLM.probes,
    progress: {
      httpGet: { path: '/metrics' },
      timeout: '2s',
      busy: 'llamacpp:requests_processing',
      counter: 'llamacpp:n_decode_total',
      stall: '90s',
    },
  },
  inUse: { httpGet: { path: '/metrics' }, gauge: 'llamacpp:requests_processing' },
};

const VLLM: PoolText = {
  kind: 'vllm',
  ...LLM,
  probes: {
    ...LLM.probes,
    progress: {
      httpGet: { path: '/metrics' },
      timeout: '2s',
      busy: 'vllm:num_requests_running',
      counter: 'vllm:generation_tokens_total',
      stall: '90s',
    },
  },
  inUse: { httpGet: { path: '/metrics' }, gauge: 'vllm:num_requests_running' },
};

/** The layers below `defaults`, lowest first. */
export function kindLayers(kind: Kind): readonly PoolInput[] {
  return kind === 'worker' ? [PARSED.worker] : [PARSED.worker, PARSED[kind]];
}

const PARSED: Readonly<Record<Kind, PoolInput>> = {
  worker: poolSchema.parse(WORKER),
  'llama-server': poolSchema.parse(LLAMA_SERVER),
  vllm: poolSchema.parse(VLLM),
};
