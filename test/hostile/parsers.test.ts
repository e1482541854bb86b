import fc from 'fast-check';
import { describe, it } from 'vitest';
import { PARSERS } from './parsers.ts';

/** `npm run hostile -- --parsers SECONDS` is the long form. */
const RUNS = 100;

describe('nothing that anybody writes makes it throw what it does not declare', () => {
  it.each(PARSERS)('$name', async ({ texts, read }) => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        await read(text);
      }),
      { numRuns: RUNS },
    );
  });
});
