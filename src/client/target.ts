/** Where the daemon is. `token` only goes to a URL. */
export type Target = { readonly socketPath: string } | { readonly url: string; readonly token: string | null };

export function placeOf(target: Target): string {
  return 'socketPath' in target ? target.socketPath : target.url;
}
