/** Ids and tokens that the daemon has told, for requests that speak of what exists. The last of each kind are kept. */
const KINDS = ['lease', 'token', 'ticket', 'operation', 'cursor'] as const;
type Kind = (typeof KINDS)[number];

const KEPT = 64;

export class Known {
  readonly #values = new Map<Kind, string[]>(KINDS.map((kind) => [kind, []]));
  #next = 0;

  /** Takes up what an answer tells. */
  learn(body: string): void {
    for (const [, id, token] of body.matchAll(/"outcome":"granted","id":"([^"]+)"[^\n]*?"token":"([^"]+)"/g)) {
      this.#keep('lease', id);
      this.#keep('token', token);
    }
    for (const [, id] of body.matchAll(/"outcome":"queued","id":"([^"]+)"/g)) this.#keep('ticket', id);
    for (const [, id] of body.matchAll(/"id":"([^"]+)","kind":/g)) this.#keep('operation', id);
  }

  /** A placeholder for what was never told stays itself without its marks. */
  filled(text: string): string {
    return text.replaceAll(/«(\w+):(\d+)»/g, (_, kind: string, index: string) => {
      const values = this.#values.get(kind as Kind) ?? [];
      return values[Number(index) % Math.max(1, values.length)] ?? `${kind}-${index}`;
    });
  }

  cursor(cursor: string): void {
    this.#keep('cursor', cursor);
  }

  #keep(kind: Kind, value: string | undefined): void {
    const values = this.#values.get(kind);
    if (values === undefined || value === undefined || values.includes(value)) return;
    if (values.length < KEPT) values.push(value);
    else values[this.#next++ % KEPT] = value;
  }
}
