/**
 * `${name}` templates in commands, probes and urls. A name is `port`, `host`, … or `vars.x`; `$${` stands for a literal `${`.
 * Pure: what a name means is the caller's.
 */

const TEMPLATE = /\$\$\{|\$\{([^}]*)\}/g;

/** The names used in `text`, in order, doubled ones too. */
export function templateNames(text: string): string[] {
  return [...text.matchAll(TEMPLATE)].flatMap((match) => (match[1] === undefined ? [] : [match[1]]));
}

/** `text` with every name replaced by its value; a name without a value stays as it is (the schema has refused it before). */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(TEMPLATE, (whole, name: string | undefined) => {
    if (name === undefined) return '${';
    // A name like `constructor` means something to every object.
    return Object.hasOwn(values, name) ? (values[name] ?? whole) : whole;
  });
}
