/** `poold init KIND`: a sample with the keys that people change first. `config/examples/` holds the same texts for the LLM kinds. */
import type { Kind } from './spec.ts';

export function initConfig(kind: Kind): string {
  return SAMPLES[kind];
}

const HEAD = `# Configuration of poold. \`poold check FILE\` says what is wrong with it, \`poold check FILE --print\` spells out every default,
# \`poold schema\` prints all keys. Relative paths start from the directory of this file.
`;

const WORKER = `${HEAD}
pools:
  hello:
    engine:
      # An argv, never a shell line. \${port} \${host} \${slots} \${devices} \${pool} \${replica} \${generation} \${vars.x} \${configDir} are filled in.
      command: [python3, -m, http.server, "\${port}", --bind, "\${host}"]
      # One out of 20000 to 29999; or a number, or a range [8000, 8003].
      port: auto
      # Engines get PATH, HOME, LANG, TZ and what stands here, nothing else.
      # env: { LOG_LEVEL: info }
      # user: www-data
      # limits: { memory: 2GiB, pids: 512 }
    replicas: 1
    # always | on-failure | never
    restart: on-failure
    startTimeout: 120s
    # httpGet, tcpSocket or exec; startup also logLine or notify.
    probes:
      startup: { httpGet: { path: / }, period: 500ms }
      readiness: { httpGet: { path: / }, period: 10s }
      liveness: { httpGet: { path: / }, period: 10s, failureThreshold: 3 }
    # TERM, and KILL after this.
    stop: { timeout: 5s }
`;

const LLAMA_SERVER = `${HEAD}
pools:
  chat:
    # Brings restart: always, startTimeout 15m, stop.timeout 30s, drain.deadline 10m, back-off 5s to 5m, all four probes and inUse.
    kind: llama-server
    engine:
      # --metrics is what the progress probe and inUse read; without it a stalled engine is not noticed, nor who uses it without a lease.
      command: [llama-server, --model, "\${vars.model}", --host, "\${host}", --port, "\${port}", --parallel, "\${slots}", --metrics]
      # Shown everywhere beside the engine.
      version: v1
      vars: { model: /models/model.gguf }
      # What the role operate may set, and to what.
      settable: { model: '^[/\\w.-]+$' }
      # One entry per replica: ["0", "1"] or ["0,1", "2,3"]; take it away for a machine without GPU.
      devices: ["0"]
      # user: chat
      # advertise: "http://gpu1.internal:\${port}"
      # limits: { memory: 32GiB, memlock: unlimited }
      # prepare: { command: [fetch-model, "\${vars.model}"], timeout: 1h }
    replicas: 1
    slots: 4
    # A crash of the device stops the restarts that follow a crash of the device, and no others.
    breaker: { classes: { gpu: { failureThreshold: 3 } } }
    # Its output goes into the crash record.
    # onExit: { command: [nvidia-smi, -q], timeout: 10s }
`;

const VLLM = `${HEAD}
pools:
  chat:
    # Brings restart: always, startTimeout 15m, stop.timeout 30s, drain.deadline 10m, back-off 5s to 5m, all four probes and inUse.
    kind: vllm
    engine:
      command: [vllm, serve, "\${vars.model}", --host, "\${host}", --port, "\${port}", --max-num-seqs, "\${slots}"]
      # Shown everywhere beside the engine.
      version: v1
      vars: { model: Qwen/Qwen3-8B }
      env:
        HF_HOME: /var/cache/huggingface
        VLLM_LOGGING_LEVEL: INFO
      # The value never leaves the daemon.
      # envFrom: { HF_TOKEN: { file: /etc/poold/hf.token } }
      # One entry per replica: ["0", "1"]; ["0,1"] with --tensor-parallel-size 2.
      devices: ["0"]
      # user: chat
      # advertise: "http://gpu1.internal:\${port}"
      limits: { memlock: unlimited, openFiles: 65536, bestEffort: true }
    replicas: 1
    slots: 64
    # A big model may take longer than 15m to load and compile.
    # startTimeout: 30m
    breaker: { classes: { gpu: { failureThreshold: 3 } } }
`;

const SAMPLES: Readonly<Record<Kind, string>> = { worker: WORKER, 'llama-server': LLAMA_SERVER, vllm: VLLM };
