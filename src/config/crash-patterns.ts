/**
 * Lines by which llama.cpp, vLLM, CUDA and ROCm say what they died of; every pool has them, behind the config's own. The exit code does not
 * tell: llama-server ends with 1 for a missing model, a taken port and a bad flag alike. First match wins, so out of memory stands before
 * the general device error that is logged with it. Only literals, classes and single repetitions: see `pattern.ts`.
 */

export interface CrashPattern {
  readonly pattern: string;
  readonly class: string;
}

export const BUILT_IN_PATTERNS: readonly CrashPattern[] = [
  // Somebody else has the device for himself (compute mode Exclusive_Process). First: CUDA says it as one of its errors.
  { pattern: 'all CUDA-capable devices are busy or unavailable', class: 'device_busy' },
  // Device memory, while loading and while serving.
  { pattern: '(?:cuda|hip)Malloc[A-Za-z]* failed: out of memory', class: 'gpu_oom' },
  { pattern: 'failed to allocate (?:CUDA|ROCm|Vulkan)[0-9]* buffer of size', class: 'gpu_oom' },
  { pattern: 'unable to allocate (?:CUDA|ROCm|Vulkan)[0-9]* buffer', class: 'gpu_oom' },
  { pattern: '(?:CUDA|ROCm|HIP) error: out of memory', class: 'gpu_oom' },
  { pattern: '(?:CUDA|HIP) out of memory\\. Tried to allocate', class: 'gpu_oom' },
  { pattern: 'torch\\.(?:cuda\\.)?OutOfMemoryError', class: 'gpu_oom' },
  { pattern: 'CUBLAS_STATUS_ALLOC_FAILED', class: 'gpu_oom' },
  { pattern: 'No available memory for the cache blocks', class: 'gpu_oom' },
  { pattern: 'Free memory on device .* is less than desired GPU memory utilization', class: 'gpu_oom' },
  // The device or its driver.
  { pattern: '(?:CUDA|ROCm|HIP) error', class: 'gpu' },
  { pattern: 'CUDA driver version is insufficient', class: 'gpu' },
  { pattern: 'no CUDA-capable device is detected', class: 'gpu' },
  { pattern: 'Memory access fault by GPU node', class: 'gpu' },
  { pattern: 'HSA_STATUS_ERROR', class: 'gpu' },
  { pattern: 'NCCL error', class: 'gpu' },
  // Memory of the host.
  { pattern: 'std::bad_alloc', class: 'oom' },
  { pattern: 'unable to allocate CPU[A-Za-z_]* buffer', class: 'oom' },
  { pattern: 'failed to allocate CPU[A-Za-z_]* buffer of size', class: 'oom' },
  { pattern: "DefaultCPUAllocator: (?:can't|not enough memory)", class: 'oom' },
  // The port.
  { pattern: "couldn't bind HTTP server socket", class: 'port_busy' },
  { pattern: '[Aa]ddress already in use', class: 'port_busy' },
  { pattern: 'EADDRINUSE', class: 'port_busy' },
  // The model; behind the memory lines, as llama.cpp says "failed to load model" after those too.
  { pattern: 'failed to load model', class: 'bad_model' },
  { pattern: 'error loading model', class: 'bad_model' },
  { pattern: 'Error while deserializing header', class: 'bad_model' },
  { pattern: "Can't load the configuration of", class: 'bad_model' },
  { pattern: 'Repository Not Found for url', class: 'bad_model' },
  { pattern: 'Invalid repository ID or local directory specified', class: 'bad_model' },
  { pattern: 'Model architectures .* are not supported', class: 'bad_model' },
  // The command line.
  { pattern: '^error: invalid argument:', class: 'bad_arguments' },
  { pattern: 'error: unrecognized arguments:', class: 'bad_arguments' },
];
