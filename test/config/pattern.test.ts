import { describe, expect, it } from 'vitest';
import { BUILT_IN_PATTERNS } from '../../src/config/crash-patterns.ts';
import { isAnchored, patternFault } from '../../src/config/pattern.ts';

describe('patternFault', () => {
  it.each([
    'CUDA error',
    '^[/\\w.-]+$',
    'a|b',
    '(?:a|b)+',
    '(?:cuda|hip)Malloc[A-Za-z]* failed',
    '(ab)?c+',
    'x{2,5}',
    '(?:abc){2,3}',
    '[(+]+',
    '\\(+',
    'a\\.b',
    '[\\]]*',
  ])('lets %s pass', (pattern) => {
    expect(patternFault(pattern)).toBeNull();
  });

  it.each([
    ['', /empty/],
    ['(', /Unterminated group/],
    ['[', /Unterminated character class/],
    ['a'.repeat(501), /more than 500/],
    ['(a+)+', /repeated group/],
    ['(a?){30}', /repeated group/],
    ['((ab)*c)*', /repeated group/],
    ['(?:a|ab)*', /repeated group/],
    ['(a|a)+$', /repeated group/],
    ['(?:.|b)*', /repeated group/],
    ['(?:|b)*', /repeated group/],
    ['(a)\\1', /refers back/],
    ['(?<x>a)\\k<x>', /refers back/],
    ['(?=a)b', /looks ahead or behind/],
    ['(?<!a)b', /looks ahead or behind/],
    ['a*b*c*d*e*f*g*h*i*', /more than 8 repetitions/],
  ])('refuses %j', (pattern, fault) => {
    expect(patternFault(pattern)).toMatch(fault);
  });
});

describe('isAnchored', () => {
  it.each([
    ['^a$', true],
    ['^(?:a|b)$', true],
    ['^[|]$', true],
    ['^a|b$', false],
    ['^a', false],
    ['a$', false],
    ['^a\\$', false],
  ])('%s: %s', (pattern, anchored) => {
    expect(isAnchored(pattern)).toBe(anchored);
  });
});

describe('built-in crash patterns', () => {
  const classOf = (line: string): string | undefined => BUILT_IN_PATTERNS.find(({ pattern }) => new RegExp(pattern).test(line))?.class;

  it('pass the check that the config has to pass', () => {
    expect(BUILT_IN_PATTERNS.flatMap(({ pattern }) => patternFault(pattern) ?? [])).toEqual([]);
  });

  it.each([
    ['CUDA error: all CUDA-capable devices are busy or unavailable', 'device_busy'],
    ['ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory', 'gpu_oom'],
    ['alloc_tensor_range: failed to allocate CUDA0 buffer of size 4294967296', 'gpu_oom'],
    ['llama_model_load: error loading model: unable to allocate ROCm0 buffer', 'gpu_oom'],
    ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.', 'gpu_oom'],
    ['ValueError: No available memory for the cache blocks. Try increasing it', 'gpu_oom'],
    ['ValueError: Free memory on device (3.22/4.0 GiB) on startup is less than desired GPU memory utilization (0.9, 3.6 GiB).', 'gpu_oom'],
    ['CUDA error: an illegal memory access was encountered', 'gpu'],
    ['ROCm error: unspecified launch failure', 'gpu'],
    ["couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080", 'port_busy'],
    ["[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use", 'port_busy'],
    ['llama_model_load_from_file_impl: failed to load model', 'bad_model'],
    ['error: invalid argument: --modle', 'bad_arguments'],
    ["terminate called after throwing an instance of 'std::bad_alloc'", 'oom'],
    ['GET /health 200', undefined],
  ])('%s', (line, expected) => {
    expect(classOf(line)).toBe(expected);
  });
});
