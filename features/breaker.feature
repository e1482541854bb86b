Feature: Breakers stop restarts that do not help

  Scenario: The breaker opens at the threshold, and nothing is restarted while it is open
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 3 }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the breaker of "chat" becomes open
    And the breaker of "chat" was opened for "300000"
    And the status of "chat" shows:
      | state               | failed                                                                                                                    |
      | reason              | breaker_open                                                                                                              |
      | message             | /^the breaker is open for another (4m\d+s\|5m), 1 waiting; poolctl retry chat tries one now, poolctl reset chat closes it$/ |
      | ready               | false                                                                                                                     |
      | breaker.failures    | 3                                                                                                                         |
      | engines.0.state     | backoff                                                                                                                   |
      | engines.0.reason    | breaker_open                                                                                                              |
      | engines.0.breaker   | open                                                                                                                      |
      | engines.0.failures  | 3                                                                                                                         |
      | engines.0.message   | /^failed 3 times in a row, last: .*; next start in .*: the pool's breaker is open$/                                       |
    And "chat/0" stays at generation 3 for 10 ticks of it
    And the daemon has logged "breaker.opened" for "chat/0" once with:
      | level        | error  |
      | class        | any    |
      | failureCount | 3      |
      | openForMs    | 300000 |
    And the daemon has logged "breaker.opened" for "chat" once with:
      | class  | any     |
      | opener | engines |

  Scenario: The threshold is what the configuration says, else five
    Given the engines of "two" fail with exit code 1
    And the engines of "usual" fail with exit code 1
    And the pool "two":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 2 }
      """
    And the pool "usual":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 20ms, limit: 20ms }
      """
    When the daemon is started
    Then the daemon logs "breaker.opened" for "two/0" with:
      | failureCount | 2 |
    And the daemon logs "breaker.opened" for "usual/0" with:
      | failureCount | 5 |
    And the engine "two/0" has generation 2
    And the engine "usual/0" has generation 5

  Scenario: After the timeout exactly one canary is started; when it succeeds the others follow
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 4
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 1, openFor: 500ms, successAfter: 200ms }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the pool "chat" becomes running
    When the file "model" is removed
    And all engines of "chat" are killed with SIGKILL
    Then the breaker of "chat" becomes half_open
    And the engine "chat/0" is the canary
    And "chat/1" stays at generation 1 for 10 ticks of it
    And no engine of "chat" but "chat/0" has a process
    And the status of "chat" shows:
      | state            | failed                                                              |
      | reason           | breaker_open                                                        |
      | message          | /^the breaker is half open: chat/0 is being tried; poolctl retry/   |
      | breaker.state    | half_open                                                           |
      | breaker.openUntil | null                                                               |
      | engines.1.reason | breaker_open                                                        |
      | engines.1.message | /no start is due: the pool's breaker is half open, and chat/0 is tried first$/ |
      | engines.1.nextStartAt | null                                                           |
    And the message of the engine "chat/0" is like "the one try of an open breaker"
    When the file "model" is made
    Then the pool "chat" becomes running
    And the breaker of "chat" becomes closed
    And 1 canary was started in "chat"
    And the daemon logs in this order:
      | breaker.opened      | chat   |
      | breaker.half_opened | chat   |
      | engine.starting     | chat/0 |
      | engine.ready        | chat/0 |
      | breaker.closed      | chat   |
      | engine.starting     | chat/1 |
      | engine.starting     | chat/2 |
      | engine.starting     | chat/3 |
    And no breaker of "chat" was tried before its time
    And the engine "chat/3" comes to have failures 0

  Scenario: Each canary that fails opens the breaker for twice as long, up to the limit
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 10ms }
      breaker: { failureThreshold: 2, openFor: 100ms, openForMax: 300ms }
      """
    When the daemon is started
    Then the breaker of "chat" was opened for "100, 200, 300, 300"
    And the breaker of "chat/0" was opened for "100, 200, 300, 300"
    And no breaker of "chat" was tried before its time

  Scenario: With two replicas the canary is the one that failed less often, and its failure keeps the other waiting
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 1, openFor: 400ms, successAfter: 100ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the file "model" is removed
    And all engines of "chat" are killed with SIGKILL
    Then the engine "chat/0" is the canary
    When the engine "chat/0" is killed with SIGKILL
    Then the breaker of "chat" was opened for "400, 800"
    And the engine "chat/1" is the canary
    And the engine "chat/0" has failures 2
    And the engine "chat/1" has failures 1
    And the engine "chat/1" has generation 2
    And no engine of "chat" but "chat/1" has a process
    And 2 canaries were started in "chat"

  Scenario: A canary that a person stops hands the role on
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 3
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 1, openFor: 300ms, successAfter: 100ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the file "model" is removed
    And all engines of "chat" are killed with SIGKILL
    Then the engine "chat/0" is the canary
    When I run poolctl "stop chat/0 --reason 'let another one try'"
    Then it succeeds
    And the engine "chat/1" is the canary
    And no engine of "chat" but "chat/1" has a process
    And the pool "chat" has breaker.state half_open
    And the breaker of "chat" was opened for "300"
    When the file "model" is made
    Then the breaker of "chat" becomes closed
    And the engine "chat/2" becomes ready
    And the engine "chat/0" has state stopped
    And the pool "chat" has state running
    And the daemon has logged "breaker.opened" for "chat" 1 time

  Scenario: An engine that dies beside the canary waits, and the canary goes on
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 3
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 100, openFor: 1s, successAfter: 100ms }
      storm: { count: 1 }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed 1 time when it is ready
    Then the breaker of "chat" becomes open
    And the engine "chat/0" becomes ready
    When the file "model" is removed
    And the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" is the canary
    When the engine "chat/1" is killed with SIGKILL
    Then the engine "chat/1" comes to have reason breaker_open
    And the engine "chat/0" is the canary
    And "chat/1" stays at generation 1 for 10 ticks of it
    And the engine "chat/2" has state ready
    And the pool "chat" has breaker.state half_open
    When the file "model" is made
    Then the pool "chat" becomes running
    And the breaker of "chat" becomes closed
    And 1 canary was started in "chat"
    And the engine "chat/1" has generation 2

  Scenario: A single bad engine leaves the others alone
    Given the engine "chat/1" fails with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 3
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 20ms, limit: 20ms, jitter: 0 }
      breaker: { failureThreshold: 3 }
      """
    When the daemon is started
    Then the breaker of "chat/1" becomes open
    And the engine "chat/1" has reason breaker_open
    And the message of the engine "chat/1" is like "its own breaker is open$"
    And the engine "chat/0" becomes ready
    And the engine "chat/2" becomes ready
    And the pool "chat" has state degraded
    And the pool "chat" has ready true
    And the pool "chat" has breaker.state closed
    When the engine "chat/2" is killed with SIGKILL
    Then the engine "chat/2" reaches generation 2
    And the engine "chat/2" becomes ready
    And the delays of "chat/2" were "20"
    And the engine "chat/1" has generation 3
    And no "breaker.opened" was logged for "chat"
    And the metric 'poold_breaker_state{pool="chat",replica="1",class="any"}' is 1
    And the metric 'poold_breaker_state{pool="chat",replica="0",class="any"}' is 0
    And the metric 'poold_breaker_state{pool="chat",class="any"}' is 0

  Scenario: The single try of one engine's breaker needs no other engine
    Given the engine "chat/1" fails with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 20ms, limit: 20ms, jitter: 0 }
      breaker: { failureThreshold: 2, openFor: 200ms, successAfter: 200ms }
      """
    When the daemon is started
    Then the breaker of "chat/1" was opened for "200, 400"
    When the fault of "chat/1" is repaired
    Then the breaker of "chat/1" becomes closed
    And the engine "chat/1" has failures 0
    And the pool "chat" has state running
    And the daemon logs in this order:
      | breaker.half_opened | chat/1 |
      | engine.starting     | chat/1 |
      | engine.ready        | chat/1 |
      | breaker.closed      | chat/1 |
    And the daemon logs "engine.starting" for "chat/1" with:
      | cause | trial |
    And no breaker of "chat/1" was tried before its time

  Scenario: A class of crashes has a breaker of its own
    Given the engine "chat/0" fails with exit code 1, saying "CUDA error: device-side assert triggered"
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^ready" } } }
      crashPatterns: [{ pattern: "CUDA error", class: gpu }]
      backoff: { delay: 20ms, limit: 20ms, jitter: 0 }
      breaker: { failureThreshold: 50, successAfter: 100ms, classes: { gpu: { failureThreshold: 3 } } }
      """
    When the daemon is started
    Then the breaker of class gpu of "chat" becomes open
    And the status of "chat" shows:
      | state                        | degraded                                     |
      | reason                       | breaker_open                                 |
      | message                      | /^the breaker of class gpu is open for another/ |
      | breaker.state                | closed                                       |
      | breaker.failures             | 0                                            |
      | breaker.classes.gpu.failures | 3                                            |
      | engines.0.reason             | breaker_open                                 |
      | engines.0.message            | /the breaker of class gpu is open$/          |
      | engines.0.failures           | 0                                            |
      | engines.0.breaker            | closed                                       |
      | engines.0.generation         | 3                                            |
      | engines.0.lastExit.class     | gpu                                          |
    And the daemon has logged "breaker.opened" for "chat/0" once with:
      | class        | gpu |
    And the metric 'poold_breaker_state{pool="chat",class="gpu"}' is 1
    And the metric 'poold_breaker_state{pool="chat",class="any"}' is 0
    When the engine "chat/1" is killed with SIGKILL
    Then the engine "chat/1" reaches generation 2
    And the engine "chat/1" becomes ready
    And the engine "chat/0" has generation 3
    When the fault of "chat/0" is repaired
    And I run poolctl "reset chat --class gpu"
    Then it succeeds
    And the breaker of class gpu of "chat" becomes closed
    And the engine "chat/0" becomes ready
    And the pool "chat" becomes running

  Scenario: The breaker of a class tries one canary, too
    Given the engines of "chat" fail with exit code 1, saying "CUDA error: out of luck"
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 3
      probes: { startup: { logLine: { pattern: "^ready" } } }
      crashPatterns: [{ pattern: "CUDA error", class: gpu }]
      backoff: { delay: 20ms, limit: 20ms, jitter: 0 }
      breaker: { openFor: 200ms, successAfter: 200ms, classes: { gpu: { failureThreshold: 3 } } }
      restartLimit: { count: 100 }
      storm: { count: 100 }
      """
    When the daemon is started
    Then the breaker of class gpu of "chat" was opened for "200, 400"
    And 1 canary was started in "chat" for each time that the breaker of class gpu was half open
    When the fault of "chat" is repaired
    Then the pool "chat" becomes running
    And the breaker of class gpu of "chat" becomes closed
    And 1 canary was started in "chat" for each time that the breaker of class gpu was half open
    And the pool "chat" has breaker.state closed
    And no "restart.storm" was logged for "chat"

  Scenario: reset closes the breaker, forgets the failures, and starts what is missing
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 30ms, limit: 30ms, jitter: 0 }
      breaker: { failureThreshold: 2 }
      """
    When the daemon is started
    Then the breaker of "chat" becomes open
    When the fault of "chat" is repaired
    And I run poolctl "reset chat --reason repaired"
    Then it succeeds
    And the breaker of "chat" becomes closed
    And the pool "chat" becomes running
    And the engines of "chat" become:
      | generation | failures | breaker | state |
      | 3          | 0        | closed  | ready |
      | 3          | 0        | closed  | ready |
    And the daemon has logged "breaker.closed" for "chat" 1 time
    And the daemon has logged "breaker.closed" for "chat/0" 1 time
    And the daemon has logged "breaker.closed" for "chat/1" 1 time
    And the metric 'poold_breaker_state{pool="chat",class="any"}' is 0
    And the pool "chat" has crashCount 4

  Scenario: retry starts one engine past the open breaker, and its success closes it
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 2, successAfter: 300ms }
      """
    When the daemon is started
    Then the breaker of "chat" becomes open
    When the fault of "chat" is repaired
    And I run poolctl "retry chat"
    Then it succeeds
    And the daemon logs "engine.starting" for "chat/0" with:
      | cause      | retry |
      | generation | 3     |
    And the breaker of "chat" becomes closed
    And the pool "chat" becomes running
    And the engine "chat/1" has generation 3
    And the daemon logs in this order:
      | engine.ready    | chat/0 |
      | breaker.closed  | chat   |
      | engine.starting | chat/1 |

  Scenario: A retry that fails leaves the breaker as it was
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 2 }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the breaker of "chat" becomes open
    When I note the breaker.openUntil of "chat"
    And I run poolctl "retry chat/0"
    Then it exits with 1
    And it complains "exit code 1 before it was ready"
    And the time breaker.openUntil of "chat" is still the same
    And the breaker of "chat" was opened for "300000"
    And the daemon has logged "breaker.opened" for "chat" 1 time
    And the pool "chat" has breaker.failures 3
    And "chat/0" stays at generation 3 for 10 ticks of it

  Scenario: A person's start does not pass an open breaker, and says what does
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      breaker: { failureThreshold: 1 }
      """
    When the daemon is started
    Then the breaker of "chat" becomes open
    When I run poolctl "start chat"
    Then it exits with 7
    And it complains "cannot start chat: the breaker holds it back, it is open for another"
    And it complains "poolctl retry chat tries once now"
    And the engine "chat/0" has generation 1
    When I run poolctl "start chat/0"
    Then it exits with 7
    And it complains "poolctl retry chat/0 tries once now"

  Scenario: Metrics of breakers
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 1, openFor: 100ms, openForMax: 100ms }
      """
    And the pool "good":
      """
      engine: { command: [sleep, "1000"] }
      """
    When the daemon is started
    Then the metric 'poold_breaker_open_total{pool="chat",class="any"}' is at least 2
    And the metric 'poold_breaker_open_total{pool="chat",replica="0",class="any"}' is at least 1
    And the metric 'poold_breaker_open_total{pool="chat",replica="1",class="any"}' is at least 1
    And the metric 'poold_breaker_state{pool="good",class="any"}' is 0
    And the metric 'poold_breaker_state{pool="chat",class="any"}' is 1

  Scenario: An open breaker stays open over a restart of the daemon
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 3 }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the breaker of "chat" becomes open
    When I note the breaker.openUntil of "chat"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the pool "chat" has breaker.state open
    And the pool "chat" has breaker.failures 3
    And the pool "chat" has crashCount 3
    And the engine "chat/0" has breaker open
    And the time breaker.openUntil of "chat" is still the same
    And "chat/0" stays at generation 3 for 10 ticks of it
    And the metric 'poold_breaker_state{pool="chat",class="any"}' is 1

  Scenario: A canary goes on as the canary over a restart of the daemon
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 1, openFor: 300ms, successAfter: 200ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the file "model" is removed
    And all engines of "chat" are killed with SIGKILL
    Then the engine "chat/0" is the canary
    When I note the pid of "chat/0"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the pid of "chat/0" is still the same
    And the pool "chat" has breaker.state half_open
    And no engine of "chat" but "chat/0" has a process
    When the file "model" is made
    Then the breaker of "chat" becomes closed
    And the pool "chat" becomes running
    And 1 canary was started in "chat"
