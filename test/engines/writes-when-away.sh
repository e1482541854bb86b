#!/bin/sh
# Waits for $1/away, writes 100,000 numbered lines of 106 bytes in 20 bursts with $2 seconds between, and makes $1/written-REPLICA.
# Then it ends by the word for its replica among $3 …: a code, a signal, or `stay`. Later generations only stay.
echo ready
[ "$POOLD_GENERATION" = 1 ] || exec sleep 1000
dir=$1 pause=$2 line=0
shift 2
until [ -e "$dir/away" ]; do sleep 0.1; done
while [ $line -lt 100000 ]; do
  burst=$((line + 5000))
  while [ $line -lt $burst ]; do
    line=$((line + 1))
    printf 'line %06d %093d\n' $line 0
  done
  sleep "$pause"
done
echo "last words of $POOLD_REPLICA"
: >"$dir/written-$POOLD_REPLICA"
shift "$POOLD_REPLICA"
case $1 in
  stay) exec sleep 1000 ;;
  [0-9]*) exit "$1" ;;
  *) kill "-$1" $$ ;;
esac
