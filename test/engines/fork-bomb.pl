#!/usr/bin/perl
# Forks for as long as it is let, and so does each child, in a session of its own. None hears a TERM. Bound it from outside: prlimit --nproc=….
use POSIX ();
$SIG{TERM} = 'IGNORE';
while (1) {
  my $child = fork;
  POSIX::setsid() if defined $child && $child == 0;
  select undef, undef, undef, 0.02;
}
