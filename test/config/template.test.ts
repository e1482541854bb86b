import { expect, it } from 'vitest';
import { areCounted, counted } from '../../src/config/counted.ts';
import { expand } from '../../src/config/template.ts';

it('fills in what it was given a value for, and nothing that every object has', () => {
  const values = { port: '1', 'vars.constructor': 'mine' };
  expect(expand('${port} ${vars.constructor} ${constructor} ${__proto__} $${port}', values)).toBe(
    '1 mine ${constructor} ${__proto__} ${port}',
  );
});

it('counts as people do', () => {
  expect([counted(0, 'lease'), counted(1, 'lease'), counted(2, 'crash', 'crashes')]).toEqual(['0 leases', '1 lease', '2 crashes']);
  expect([areCounted(1, 'lease'), areCounted(3, 'lease')]).toEqual(['1 lease is', '3 leases are']);
});
