import fc from 'fast-check';
import { afterAll, describe, it } from 'vitest';
import { PARSERS, tidyUp } from './parsers.ts';

/** `npm run hostile -- --parsers SECONDS` is the long form. */
const RUNS = 100;

afterAll(tidyUp);

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
