/** How late the daemon's event loop was, out of its own metrics: looked at twice a second, so a stall of half a second never escapes. */
export function loopLag(metrics: string): { readonly text: string; readonly longestMs: number } {
  const buckets = [...metrics.matchAll(/^poold_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)].map(([, le, count]) => ({
    leMs: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le) * 1_000,
    count: Number(count),
  }));
  const all = buckets.at(-1)?.count ?? 0;
  const text = buckets
    .filter(({ count }, index) => count > (buckets[index - 1]?.count ?? 0))
    .map(({ leMs, count }) => `${count} within ${leMs} ms`);
  return { text: `${text.join(', ')} of ${all}`, longestMs: buckets.find(({ count }) => count === all)?.leMs ?? Number.POSITIVE_INFINITY };
}
