#!/bin/sh
# Fails while a fault lies in directory $1, for its pool (`chat`) or just for it (`chat-0`): a file with the exit code and what it says before.
for fault in "$1/$POOLD_POOL-$POOLD_REPLICA" "$1/$POOLD_POOL"; do
  [ -f "$fault" ] || continue
  read -r code words <"$fault"
  [ -z "$words" ] || echo "$words"
  exit "$code"
done
echo ready
exec sleep 1000
