#!/bin/sh
# Writes numbered lines for as long as it lives, one each hundredth of a second.
line=0
while :; do
  line=$((line + 1))
  echo "line $line"
  sleep 0.01
done
