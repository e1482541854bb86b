Feature: How ends are noticed, told apart and remembered

  Scenario: An exit code, with the last words of the engine
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], version: v7 }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is told "exit=3"
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the history of "chat" comes to:
      | engine | generation | class | code | signal | failure | version | uptimeMs | readyMs | matchedLine | message                                      |
      | chat/0 | 1          | error | 3    | null   | true    | v7      | /^\d+$/  | /^\d+$/ | null        | /^ended with exit code 3: listening \d+$/    |
    And the daemon logs "engine.exited" for "chat/0" with:
      | level         | warn  |
      | generation    | 1     |
      | class         | error |
      | exitCode      | 3     |
      | engineVersion | v7    |
      | crashCount    | 1     |
      | seen          | event |
    And the pool "chat" has crashCount 1
    And the message of the last error of "chat" is like "^chat/0: ended with exit code 3"
    And the metric 'poold_engine_exits_total{pool="chat",replica="0",class="error"}' is 1
    When I run poolctl "history chat/0"
    Then it succeeds
    And it prints like 'chat/0 +1 +\S.* ago +error 3 .* ended with exit code 3: listening \d+\n$'

  Scenario Outline: An engine killed by <signal>
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is killed with <signal>
    Then the history of "chat/0" comes to:
      | class  | code | signal   | failure | message             |
      | signal | null | <signal> | true    | ended with <signal> |
    And the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the pool "chat" has restartCount 1

    Examples:
      | signal  |
      | SIGKILL |
      | SIGSEGV |
      | SIGTERM |

  Scenario Outline: An engine whose health is gone is replaced: <fault>
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes:
        startup: { httpGet: { path: /health }, period: 50ms }
        liveness: { httpGet: { path: /health }, period: 50ms, timeout: 200ms, failureThreshold: 3 }
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And the engine "chat/0" is told "<fault>"
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the pid of "chat/0" is another
    And the history of "chat" comes to:
      | class     | code | failure | message   |
      | unhealthy | 0    | true    | <message> |
    And the engine "chat/0" has failures 1
    And the metric 'poold_probe_failures_total{pool="chat",replica="0",probe="liveness"}' is at least 3

    Examples:
      | fault      | message                                                                                       |
      | mode=hang  | /^killed because its liveness probe failed: .*/health: no complete answer within 200 ms/      |
      | mode=close | /^killed because its liveness probe failed: cannot probe .*/health: socket hang up/           |
      | status=503 | /^killed because its liveness probe failed: .*/health answered 503/                           |

  Scenario: An engine that is stopped by a signal is found hung
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes:
        startup: { httpGet: { path: /health }, period: 50ms }
        liveness: { httpGet: { path: /health }, period: 50ms, timeout: 100ms, failureThreshold: 2 }
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is killed with SIGSTOP
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the history of "chat" comes to:
      | class     | failure |
      | unhealthy | true    |

  Scenario: Single failures of a liveness probe are forgiven
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      probes:
        liveness: { exec: { command: [ENGINES/answers-in-turn.sh, DIR/asked, "0", "1", "1", "0", "1", "1", "0"] }, period: 50ms, failureThreshold: 3 }
      """
    When the daemon is started
    Then the file "asked" comes to 9 lines
    And the engine "chat/0" has state ready
    And the engine "chat/0" has generation 1
    And the pool "chat" has crashCount 0

  Scenario Outline: The log tells what an exit code does not: <class>
    Given the pool "chat":
      """
      engine: { command: [sh, -c, 'echo loading; echo "<line>" >&2; echo goodbye; <end>'] }
      readyAfter: 10s
      crashPatterns:
        - { pattern: "NVRM: Xid", class: dead_gpu }
        - { pattern: "CUDA error: of our own", class: house_rule }
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the history of "chat" comes to:
      | class   | code   | signal   | matchedLine | message       |
      | <class> | <code> | <signal> | <line>      | <how>: <line> |
    And the newest end of "chat" is kept with its last lines:
      | count | 3 |
      | first | loading |
      | last  | goodbye |

    Examples:
      | class      | line                                     | end           | code | signal  | how                                                         |
      | dead_gpu   | NVRM: Xid 79, GPU has fallen off the bus | exit 1        | 1    | null    | ended with exit code 1 before it was ready                  |
      | house_rule | CUDA error: of our own                   | exit 1        | 1    | null    | ended with exit code 1 before it was ready                  |
      | gpu        | CUDA error: an illegal memory access     | kill -ABRT $$ | null | SIGABRT | ended with SIGABRT before it was ready                      |
      | gpu_oom    | cudaMalloc failed: out of memory         | exit 1        | 1    | null    | ended with exit code 1 before it was ready                  |
      | bad_model  | failed to load model /models/a.gguf      | exit 1        | 1    | null    | ended with exit code 1 before it was ready                  |
      | oom        | terminate called: std::bad_alloc         | kill -ABRT $$ | null | SIGABRT | killed for want of memory before it was ready (SIGABRT)     |
      | oom        | terminate called: std::bad_alloc         | exit 0        | 0    | null    | killed for want of memory before it was ready (exit code 0) |

  Scenario: An engine that finds its port taken is not to blame
    Given the pool "chat":
      """
      engine: { command: [sh, -c, 'echo "Error: listen EADDRINUSE: address already in use"; exit 1'], port: PORT1 }
      readyAfter: 10s
      """
    When the daemon is started
    Then the engine "chat/0" becomes backoff
    And the history of "chat" comes to:
      | class     | code | failure |
      | port_busy | 1    | false   |
    And the pool "chat" has crashCount 0
    And the engine "chat/0" has failures 0

  Scenario Outline: A clean end under restart: <policy>
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      restart: <policy>
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is told "exit=0"
    Then the history of "chat" comes to:
      | class | code | failure   | message                           |
      | clean | 0    | <failure> | ended by itself with exit code 0  |
    And the engines of "chat" become:
      | state   | generation   | reason   |
      | <state> | <generation> | <reason> |
    And the pool "chat" becomes <pool>
    And the pool "chat" has crashCount <crashes>

    Examples:
      | policy     | failure | state   | generation | reason | pool    | crashes |
      | always     | true    | ready   | 2          | null   | running | 1       |
      | on-failure | false   | stopped | 1          | clean  | stopped | 0       |
      | never      | false   | stopped | 1          | clean  | stopped | 0       |

  Scenario: After a clean end a person starts it again
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is told "exit=0"
    Then the engine "chat/0" becomes stopped
    And the message of the engine "chat/0" is like "ended by itself with exit code 0 and is left so; poolctl start chat/0 starts it again"
    When I run poolctl "start chat"
    Then it succeeds
    And the engine "chat/0" has generation 2
    And the engine "chat/0" becomes ready

  Scenario Outline: A crash under restart: <policy>
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      restart: <policy>
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is told "exit=1"
    Then the engines of "chat" become:
      | state   | generation   | failures |
      | <state> | <generation> | 1        |
    And the pool "chat" becomes <pool>
    And the pool "chat" has crashCount 1

    Examples:
      | policy     | state  | generation | pool    |
      | always     | ready  | 2          | running |
      | on-failure | ready  | 2          | running |
      | never      | failed | 1          | failed  |

  Scenario: Exit code 0 before it was ready is no clean end
    Given the pool "chat":
      """
      engine: { command: [ENGINES/dies-after.sh, "0", "0"] }
      readyAfter: 10s
      backoff: { delay: 5m, limit: 5m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes backoff
    And the history of "chat" comes to:
      | class | code | failure | readyMs | message                                                |
      | error | 0    | true    | null    | ended with exit code 0 before it was ready: last words |
    And the pool "chat" has crashCount 1

  Scenario: Of a long log the last 200 lines are kept with the end
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/floods-log.mjs, "1000", "100", "1"] }
      readyAfter: 10s
      restart: never
      """
    When the daemon is started
    Then the engine "chat/0" becomes failed
    And the newest end of "chat" is kept with its last lines:
      | count | 200 |
      | first | line 801 |
      | last  | line 1000 |

  Scenario: Counts rise with each crash, and belong to the engine that had it
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      backoff: { delay: 50ms, factor: 1 }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/1" becomes ready
    When the engine "chat/1" is killed with SIGKILL
    Then the engine "chat/1" reaches generation 2
    And the engine "chat/1" becomes ready
    When the engine "chat/1" is killed with SIGSEGV
    Then the engines of "chat" become:
      | state | generation | failures |
      | ready | 1          | 0        |
      | ready | 3          | 2        |
    And the pool "chat" has crashCount 2
    And the pool "chat" has restartCount 2
    And the history of "chat" comes to:
      | engine | generation | signal  |
      | chat/1 | 2          | SIGSEGV |
      | chat/1 | 1          | SIGKILL |
    And the history of "chat/0" comes to:
      | engine |

  Scenario: What onExit finds out goes into the record of the crash
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"] }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      onExit: { command: [sh, -c, 'echo "seen from $POOLD_POOL/$POOLD_REPLICA, generation $POOLD_GENERATION"; echo asked >> DIR/asked'], timeout: 5s }
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is told "exit=3"
    Then the history of "chat" comes to:
      | class | onExit                                  |
      | error | /^seen from chat.0, generation 1\s*$/   |
    And the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    When I run poolctl "stop chat"
    Then it succeeds
    And the history of "chat" comes to:
      | class     | onExit |
      | requested | null   |
      | error     | /^seen from / |
    And the file "asked" has 1 line

  Scenario: An end that nobody saw is unknown, and counts
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      backoff: { delay: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And the launcher of "chat/0" is killed
    Then the daemon says "the launcher was killed: the engine goes on, its exit code will not be known"
    And the engine "chat/0" has state ready
    And the pid of "chat/0" is still the same
    When the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the history of "chat" comes to:
      | class   | code | signal | failure | message                            |
      | unknown | null | null   | true    | ended, and nobody saw its exit code |
    And the pool "chat" has crashCount 1

  Scenario: What a crashed engine leaves behind is ended before the next one starts
    Given the pool "chat":
      """
      engine: { command: [ENGINES/setsid-grandchild.sh, exits] }
      readyAfter: 10s
      backoff: { delay: 5m, limit: 5m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes backoff
    And the engine "chat/0" writes "grandchild"
    And nothing is left of the engine "chat/0"
