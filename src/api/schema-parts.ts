/** Parts of more than one schema. */
import { z } from 'zod';
import type { Code } from '../errors.ts';
import { CODES } from '../errors.ts';

export const stamp = z.string().describe('RFC 3339, UTC');
export const code = z.enum(Object.keys(CODES) as [Code, ...Code[]]);
