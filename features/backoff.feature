Feature: Back-off between restarts

  Scenario: The first delay, doubling, and the cap
    Given the engines of "chat" fail with exit code 3
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 50ms, limit: 300ms, jitter: 0 }
      breaker: { failureThreshold: 7 }
      """
    When the daemon is started
    Then the delays of "chat/0" were "50, 100, 200, 300, 300, 300"
    And no restart of "chat/0" came before it was due
    And the daemon logs "engine.exited" for "chat/0" with:
      | class    | error |
      | exitCode | 3     |

  Scenario: Another factor, and none
    Given the engines of "three" fail with exit code 1
    And the engines of "even" fail with exit code 1
    And the pool "three":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 20ms, factor: 3, jitter: 0 }
      breaker: { failureThreshold: 4 }
      """
    And the pool "even":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 30ms, factor: 1, jitter: 0 }
      breaker: { failureThreshold: 4 }
      """
    When the daemon is started
    Then the delays of "three/0" were "20, 60, 180, 540"
    And the delays of "even/0" were "30, 30, 30, 30"

  Scenario: Jitter spreads the delays of engines that fail together
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 10
      backoff: { delay: 1000ms, jitter: 0.5 }
      breaker: { failureThreshold: 1 }
      """
    When the daemon is started
    Then the first delays in "chat" are from 500 to 1500 ms, and not all the same

  Scenario: No delay is shorter than minDelay, none longer than the limit
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 10ms, minDelay: 70ms, limit: 100ms, jitter: 0 }
      breaker: { failureThreshold: 6 }
      """
    When the daemon is started
    Then the delays of "chat/0" were "70, 70, 70, 80, 100, 100"
    And no restart of "chat/0" came before it was due

  Scenario: A class of crashes waits longer than others
    Given the engines of "gpu" fail with exit code 1, saying "CUDA error: an illegal memory access was encountered"
    And the engines of "other" fail with exit code 1, saying "no idea"
    And the pool "gpu":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      crashPatterns: [{ pattern: "CUDA error", class: gpu }]
      backoff: { delay: 40ms, jitter: 0 }
      breaker: { failureThreshold: 3 }
      """
    And the pool "other":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      crashPatterns: [{ pattern: "CUDA error", class: gpu }]
      backoff: { delay: 40ms, jitter: 0, classes: { gpu: 3 } }
      breaker: { failureThreshold: 3 }
      """
    When the daemon is started
    Then the delays of "gpu/0" were "80, 160, 320"
    And the delays of "other/0" were "40, 80, 160"

  Scenario: An engine that was stable for long enough begins with the first delay again
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 100ms, resetAfter: 300ms, jitter: 0 }
      breaker: { failureThreshold: 100 }
      """
    When the daemon is started
    Then the delays of "chat/0" were "100, 200"
    When the fault of "chat" is repaired
    Then the engine "chat/0" becomes ready
    And the explanation of "chat/0" comes to say "backoff" "^0 failures in a row"
    When the engine "chat/0" is killed with SIGKILL
    Then the daemon logs "engine.backoff" for "chat/0" with:
      | reason       | signal |
      | backoffMs    | 100    |
      | failureCount | 1      |

  Scenario: An engine that was ready, but not for long enough, goes on with the row
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      backoff: { delay: 100ms, resetAfter: 1h, jitter: 0 }
      breaker: { successAfter: 100ms }
      """
    When the daemon is started
    And the engine "chat/0" is killed 3 times, each time after a success
    Then the delays of "chat/0" were "100, 200, 400"
    And the daemon logs "engine.backoff" for "chat/0" with:
      | reason       | signal |
      | backoffMs    | 400    |
      | failureCount | 3      |

  Scenario: What waits says until when, in the status and in the log
    Given the engines of "chat" fail with exit code 3, saying "out of luck"
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 50s, jitter: 0 }
      """
    When the daemon is started
    Then the engine "chat/0" becomes backoff
    And the engine "chat/0" has reason backoff
    And the time nextStartAt of "chat/0" is 50 s after its end
    And the message of the engine "chat/0" is like "exit code 3 before it was ready: out of luck; next start in (4\d|50)s: back-off"
    And the pool "chat" has state starting
    And the pool "chat" has reason backoff
    And the pool "chat" has crashCount 1
    And the daemon logs "engine.backoff" for "chat/0" with:
      | level        | warn  |
      | reason       | error |
      | backoffMs    | 50000 |
      | failureCount | 1     |
      | generation   | 1     |
    And the logged nextRestartAt of "chat/0" is its nextStartAt

  Scenario: Metrics of back-off
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 200ms, limit: 800ms, jitter: 0 }
      breaker: { failureThreshold: 4 }
      """
    When the daemon is started
    Then the delays of "chat/0" were "200, 400, 800, 800"
    And the metric 'poold_backoff_delay_seconds_count{pool="chat",reason="error"}' is 4
    And the metric 'poold_backoff_delay_seconds_sum{pool="chat",reason="error"}' is 2.2
    And the metric 'poold_backoff_delay_seconds_bucket{le="0.5",pool="chat",reason="error"}' is 2
    And the metric 'poold_restart_scheduled_total{pool="chat",replica="0",reason="error"}' is 4
    And the metric 'poold_engine_restarts_total{pool="chat",replica="0",reason="error"}' is 3

  Scenario: Back-off survives a restart of the daemon
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 100ms, factor: 100, limit: 1h, jitter: 0 }
      """
    When the daemon is started
    Then the delays of "chat/0" were "100, 10000"
    When I note the nextStartAt of "chat/0"
    And I note the failures of "chat/0"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engine "chat/0" has state backoff
    And the engine "chat/0" has generation 2
    And the time nextStartAt of "chat/0" is still the same
    And the failures of "chat/0" is still the same
    And the pool "chat" has crashCount 2
    When I run poolctl "retry chat"
    Then it exits with 1
    And the delays of "chat/0" were "100, 10000, 1000000"

  Scenario: A start that fell due while no daemon was there comes at once
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 3s, jitter: 0 }
      """
    When the daemon is started
    Then the delays of "chat/0" were "3000"
    When I note the nextStartAt of "chat/0"
    And the daemon is killed with SIGKILL
    And the fault of "chat" is repaired
    And the noted nextStartAt of "chat/0" has passed
    And the daemon is started again
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 2
    And the daemon logs "engine.starting" for "chat/0" with:
      | cause      | restart |
      | generation | 2       |

  Scenario: A person's start does not wait for the back-off
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      probes: { startup: { logLine: { pattern: "^ready" } } }
      backoff: { delay: 1h, limit: 1h }
      """
    When the daemon is started
    Then the engine "chat/0" becomes backoff
    When the fault of "chat" is repaired
    And I run poolctl "start chat"
    Then it succeeds
    And the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 2
    And the daemon logs "engine.starting" for "chat/0" with:
      | cause      | manual |
      | generation | 2      |

  Scenario: A stop takes back the start that was due
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      backoff: { delay: 3s, jitter: 0 }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the delays of "chat/0" were "3000"
    When I note the nextStartAt of "chat/0"
    And I run poolctl "stop chat"
    Then it succeeds
    And the engine "chat/0" has state stopped
    And the engine "chat/0" has nextStartAt null
    When the noted nextStartAt of "chat/0" has passed
    Then "chat/0" stays at generation 1 for 5 ticks of it
