import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStrictJson } from '../../src/api/strict-json.ts';

test('what is no trap is parsed as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 1), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      if (/"(?:__proto__|constructor|prototype)"/.test(text)) return;
      expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});

test('any text at all is parsed or refused, never worse', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', 'a', '1', ' ', 'u0041') }), (text) => {
      try {
        expect(parseStrictJson(text)).toEqual(JSON.parse(text));
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_request' });
      }
    }),
    { numRuns: 1_000 },
  );
});
