/** Good texts with bad places in them: what is nearly right gets furthest into a parser. */
import fc from 'fast-check';

const BITS = [
  '',
  '\0',
  '\n',
  '\r',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '-',
  '#',
  '&a',
  '*a',
  '!!js',
  '<<: *a',
  '${',
  '%',
  '\\',
  '\ufeff',
  '\ud800',
  '\u2028',
  '__proto__',
  'constructor',
  '1e999',
  '99999999999999999999',
  'null',
  '0x10',
  ' ',
  '\t',
];

/** One of the texts, changed in up to eight places: cut, doubled, blown up, strewn with what means something. */
export function mutated(texts: readonly string[]): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.oneof(fc.nat(3), fc.nat(200)),
    put: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...BITS) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
    ),
    times: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 3_000 }) }),
    doubles: fc.boolean(),
  });
  return fc.tuple(fc.constantFrom(...texts), fc.array(edit, { maxLength: 8 })).map(([text, edits]) => {
    let now = text;
    for (const { at, cut, put, times, doubles } of edits) {
      const from = Math.floor(at * now.length);
      const piece = now.slice(from, from + cut);
      now = now.slice(0, from) + (doubles ? piece : '') + put.repeat(times) + now.slice(doubles ? from : from + cut);
    }
    return now;
  });
}
