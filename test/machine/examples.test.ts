/** The examples that a user copies. Those whose engines are not here are only checked, and say so. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { poold, ROOT } from './rig.ts';

it.each(['llama-server', 'vllm'])(
  'config/examples/%s.yaml passes poold check (checked only: the engine itself is not run here)',
  (name) => {
    const file = join(ROOT, 'config/examples', `${name}.yaml`);
    expect(poold('check', file)).toEqual({ code: 0, stdout: `${file}: good: 1 pool\n`, stderr: '' });
    const printed = poold('check', file, '--print');
    expect(printed).toMatchObject({ code: 0 });
    expect(printed.stdout).toContain(`kind: ${name}`);
  },
);

it.each(['nginx', 'redis'])('config/examples/%s.yaml, which is run elsewhere here, passes poold check without a warning', (name) => {
  const checked = poold('check', join(ROOT, 'config/examples', `${name}.yaml`));
  expect(checked.code).toBe(0);
  expect(`${checked.stdout}${checked.stderr}`).not.toContain('warning');
});
