/** What `npm run bench` is made of: each part measures one thing in daemons of its own and tells it as Markdown. */
export interface Part {
  /** As `--only` knows it. */
  readonly name: string;
  readonly title: string;
  /** Throws when something that must hold did not: a figure of a broken daemon is none. */
  run(): Promise<string>;
}
