#!/usr/bin/env perl
# `answers.pl PORT`: answers 200 to whatever is asked on that port, in as little memory as a script can.
use strict;
use Socket;

socket(my $listener, PF_INET, SOCK_STREAM, getprotobyname('tcp')) or die;
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listener, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die;
listen($listener, 16) or die;
while (accept(my $asked, $listener)) {
  sysread($asked, my $request, 4096);
  syswrite($asked, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
  close($asked);
}
