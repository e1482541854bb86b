import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { sumsOf } from '../../src/engine/probes/metrics-text.ts';
import { probeProgress } from '../../src/engine/probes/progress.ts';
import { answers, serve } from './servers.ts';

const LLAMA = `# HELP llamacpp:requests_processing Number of requests processing.
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 1
# TYPE llamacpp:n_decode_total counter
llamacpp:n_decode_total 4711
`;

describe('the metrics text', () => {
  it('gives sums over all label sets', () => {
    const text = `${LLAMA}vllm:running{engine="0",model_name="a } b \\" {"} 2.0\r\nvllm:running{engine="1"} 3 1700000000000\nvllm:running_total 99\n`;
    expect(Object.fromEntries(sumsOf(text, ['llamacpp:requests_processing', 'llamacpp:n_decode_total', 'vllm:running', 'other']))).toEqual({
      'llamacpp:requests_processing': 1,
      'llamacpp:n_decode_total': 4711,
      'vllm:running': 5,
    });
  });

  it('reads every spelling of a number, and passes over what is none', () => {
    const text = 'x 1e3\nx{} -.5\nx\t+2.\nx NaN\nx +Inf\nx 0x10\nx 1e999\nx{a="b 7\nx{a="b"}\nx\nx1 5\n x 5\n#x 5\nx 3 # {trace="1"} 9';
    expect(sumsOf(text, ['x']).get('x')).toBe(1004.5);
  });

  it('finds what was written, whatever stands around it', () => {
    const label = fc.string({ maxLength: 20 }).map((value) => value.replace(/[\\"\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`)));
    fc.assert(
      fc.property(fc.array(fc.tuple(label, fc.integer()), { minLength: 1 }), fc.array(fc.string()), (series, noise) => {
        const lines = series.map(([value, number]) => `wanted{l="${value}"} ${number}`);
        const around = noise.map((line) => `#${line.replaceAll('\n', ' ')}`);
        const text = [...around, ...lines, ...around].join('\n');
        expect(sumsOf(text, ['wanted']).get('wanted')).toBe(series.reduce((sum, [, number]) => sum + number, 0));
      }),
    );
  });

  it('does not stand still over a value of a million digits', () => {
    const digits = '9'.repeat(1_000_000);
    expect(sumsOf(`x ${digits}!\nx ${digits}.${digits}e\nx 1`, ['x']).get('x')).toBe(1);
  });

  it('never throws', () => {
    const unit = fc.constantFrom('x', '{', '}', '"', '\\', '\n', ' ', '1', 'e', '.', '#');
    fc.assert(fc.property(fc.string({ unit }), (text) => Number.isFinite(sumsOf(text, ['x']).get('x') ?? 0)));
  });
});

describe('progress', () => {
  const spec = {
    path: '/metrics',
    port: null,
    headers: {},
    periodMs: 1,
    timeoutMs: 5_000,
    busy: 'llamacpp:requests_processing',
    stallMs: 1,
  };

  async function progress(text: string, counter = 'llamacpp:n_decode_total') {
    const { port } = await serve(answers(text));
    const request = { target: { host: '127.0.0.1', port }, path: '/metrics', headers: {}, timeoutMs: 5_000 };
    return probeProgress({ ...request, clock: systemClock, signal: new AbortController().signal }, { ...spec, counter });
  }

  it('delivers both figures, also far behind in a long text', async () => {
    expect(await progress(LLAMA)).toMatchObject({ ok: true, busy: 1, counter: 4711 });
    expect(await progress(`${'# filler\n'.repeat(50_000)}${LLAMA}`)).toMatchObject({ ok: true, busy: 1, counter: 4711 });
  });

  it('is not ok without one of them, and says which', async () => {
    const outcome = await progress(LLAMA, 'absent_total');
    expect(outcome).toEqual({ ok: false, message: expect.stringContaining('/metrics has no absent_total') });
  });
});
