Feature: Restart limiter and storms

  Scenario: The limiter warns at half and at the limit, once per crossing, and then holds restarts back
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      restartLimit: { count: 4, window: 60s }
      storm: { count: 100 }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed 1 time when it is ready
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And no "restart.limited" was logged for "chat"
    When the engine "chat/0" is killed 2 times when it is ready
    Then the engine "chat/0" reaches generation 4
    And the daemon has logged "restart.limited" for "chat" once with:
      | level        | warn  |
      | limitLevel   | half  |
      | restartCount | 2     |
      | limit        | 4     |
      | windowMs     | 60000 |
    And the daemon has logged "restart.limited" for "chat" 1 time
    When the engine "chat/0" is killed 1 time when it is ready
    Then the engine "chat/0" reaches generation 5
    And the engine "chat/0" becomes ready
    And the daemon has logged "restart.limited" for "chat" once with:
      | limitLevel   | limit |
      | restartCount | 4     |
    When the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" becomes backoff
    And the engine "chat/0" has reason restart_limit
    And the message of the engine "chat/0" is like "next start in ([45]\ds|1m): the pool has had its 4 restarts in 1m$"
    And "chat/0" stays at generation 5 for 10 ticks of it
    And the daemon has logged "restart.limited" for "chat" 2 times
    And the explanation of "chat" comes to say "limiter" "^4 of 4 restarts in the last 1m$"
    And the pool "chat" has restartCount 4
    And the pool "chat" has crashCount 5
    And the pool "chat" has breaker.state closed
    And the engine "chat/1" has generation 1

  Scenario: The window slides: no window of its length ever holds more than the limit
    Given the engines of "chat" fail with exit code 1
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 1000 }
      restartLimit: { count: 3, window: 700ms }
      storm: { count: 1000 }
      """
    When the daemon is started
    Then the metric 'poold_engine_restarts_total{pool="chat",replica="0",reason="error"}' is at least 7
    And no 700 ms hold more than 3 restarts of "chat"
    And the pool "chat" has breaker.state closed

  Scenario: Those that the limiter holds back go in the order in which they were due
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 4
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      restartLimit: { count: 1, window: 1500ms }
      storm: { count: 100 }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed 1 time when it is ready
    Then the engine "chat/0" reaches generation 2
    When the engine "chat/3" is killed 1 time when it is ready
    And the engine "chat/1" is killed 1 time when it is ready
    And the engine "chat/2" is killed 1 time when it is ready
    Then the pool "chat" becomes degraded
    And the pool "chat" becomes running
    And the last restarts in "chat" were "chat/0, chat/3, chat/1, chat/2"
    And no 1500 ms hold more than 1 restarts of "chat"

  Scenario: A storm opens the breaker behind its last restart, is fatal, and names its class and what to do
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      storm: { count: 3, window: 30s }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed 3 times when it is ready
    Then the breaker of "chat" becomes open
    And the daemon has logged "restart.storm" for "chat" once with:
      | level        | fatal        |
      | restartCount | 3            |
      | windowMs     | 30000        |
      | class        | signal_storm |
    And the daemon logs "restart.storm" for "chat" with:
      | hint | look at poolctl history and poolctl logs --previous for the first line that tells why |
    And the daemon has logged "breaker.opened" for "chat" once with:
      | opener    | storm  |
      | openForMs | 300000 |
    And the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 4
    And the engine "chat/1" has state ready
    And the pool "chat" has state running
    And the pool "chat" has ready true
    When the engine "chat/1" is killed with SIGKILL
    Then the engine "chat/1" becomes backoff
    And the engine "chat/1" has reason breaker_open
    And "chat/1" stays at generation 1 for 10 ticks of it
    And the engine "chat/0" has state ready
    And the metric 'poold_restart_storm_total{pool="chat",class="signal_storm"}' is 1
    And the metric 'poold_breaker_open_total{pool="chat",class="any"}' is 1

  Scenario Outline: The class of a storm is that of at least half of its restarts
    Given the engine "chat/0" fails with exit code 1, saying "<says>"
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      crashPatterns: [{ pattern: "out of memory", class: oom }, { pattern: "no such model", class: bad_model }]
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      storm: { count: 4 }
      """
    When the daemon is started
    Then the daemon logs "restart.storm" for "chat" with:
      | class        | <class> |
      | restartCount | 4       |
      | hint         | <hint>  |
    And the metric 'poold_restart_storm_total{pool="chat",class="<class>"}' is 1
    And the engine "chat/0" reaches generation 5

    Examples:
      | says          | class           | hint                                                                                |
      | out of memory | oom_storm       | the engines run out of memory: raise limits.memory, lower slots or the model size |
      | no such model | bad_model_storm | the model file is missing or damaged: check engine.vars and prepare               |

  Scenario: A storm that is over when openFor ends needs no canary
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100, openFor: 300ms }
      storm: { count: 2 }
      """
    When the daemon is started
    And the engine "chat/0" is killed 2 times when it is ready
    Then the daemon logs "breaker.closed" for "chat"
    And the engine "chat/0" becomes ready
    And the breaker of "chat" becomes closed
    And 0 canaries were started in "chat"
    And no "breaker.half_opened" was logged for "chat"
    And the engine "chat/0" has generation 3

  Scenario: Recovery behind a storm is no storm again, however many engines follow
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 6
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100, openFor: 3s, successAfter: 100ms }
      restartLimit: { count: 100 }
      storm: { count: 2, window: 1h }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed 2 times when it is ready
    Then the breaker of "chat" was opened for "3000"
    When the file "model" is removed
    And all engines of "chat" are killed with SIGKILL
    Then the breaker of "chat" becomes half_open
    When the file "model" is made
    Then the pool "chat" becomes running
    And the breaker of "chat" becomes closed
    And the daemon has logged "restart.storm" for "chat" 1 time
    And the metric 'poold_restart_storm_total{pool="chat",class="signal_storm"}' is 1
    And the daemon has logged "breaker.closed" for "chat" 1 time

  Scenario: Recovery passes the limiter
    Given the file "model" is made
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 4
      probes: { startup: { exec: { command: [test, -e, DIR/model] }, period: 30ms } }
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 1, openFor: 300ms, successAfter: 50ms }
      restartLimit: { count: 1, window: 1s }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the file "model" is removed
    And all engines of "chat" are killed with SIGKILL
    Then the engine "chat/0" is the canary
    When the file "model" is made
    Then the pool "chat" becomes running
    And 1 canary was started in "chat"
    And no 1000 ms hold more than 1 restarts of "chat"
    And the last restarts in "chat" were "chat/1, chat/2, chat/3"

  Scenario: retry goes past limiter and storm, and leaves both as they are
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      restartLimit: { count: 2, window: 60s }
      storm: { count: 2, window: 60s }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed 2 times when it is ready
    Then the breaker of "chat" becomes open
    When the engine "chat/0" is killed 1 time when it is ready
    Then the engine "chat/0" becomes backoff
    When I note the breaker.openUntil of "chat"
    And I run poolctl "retry chat/0"
    Then it succeeds
    And the engine "chat/0" has state ready
    And the engine "chat/0" has generation 4
    And the engine "chat/0" has failures 3
    And the pool "chat" has breaker.state open
    And the time breaker.openUntil of "chat" is still the same
    And the pool "chat" has restartCount 2
    And the explanation of "chat" comes to say "limiter" "^2 of 2 restarts"
    And the daemon has logged "restart.storm" for "chat" 1 time

  Scenario: reset ends a storm, and the limiter goes on counting
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      restartLimit: { count: 2, window: 60s }
      storm: { count: 2, window: 60s }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    Then the pool "chat" becomes running
    When the engine "chat/0" is killed 2 times when it is ready
    Then the breaker of "chat" becomes open
    And the pool "chat" has restartCount 2
    When the engine "chat/1" is killed 1 time when it is ready
    And I run poolctl "reset chat"
    Then it succeeds
    And the breaker of "chat" becomes closed
    And the pool "chat" has restartCount 0
    And the pool "chat" has crashCount 3
    And the engine "chat/1" comes to have reason restart_limit
    And "chat/1" stays at generation 1 for 5 ticks of it
    And the explanation of "chat" comes to say "limiter" "^2 of 2 restarts"
    And the explanation of "chat" comes to say "storm" "^0 of 2 restarts"
    When I run poolctl "start chat/1"
    Then it succeeds
    And the engine "chat/1" has state ready

  Scenario: The shown count returns to 0, the window of the limiter does not
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      restartLimit: { count: 2, window: 1h, resetAfter: 1s }
      storm: { count: 100 }
      """
    When the daemon is started
    And the engine "chat/0" is killed 2 times when it is ready
    Then the engine "chat/0" reaches generation 3
    And the pool "chat" comes to have restartCount 2
    And the pool "chat" comes to have restartCount 0
    When the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" comes to have reason restart_limit
    And the message of the engine "chat/0" is like "the pool has had its 2 restarts in 1h"
    And the pool "chat" has restartCount 0

  Scenario: The limiter's window survives a restart of the daemon
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      restartLimit: { count: 2, window: 1h }
      storm: { count: 100 }
      """
    And an engine that is restarted all the time, as a clock
    When the daemon is started
    And the engine "chat/0" is killed 2 times when it is ready
    Then the engine "chat/0" reaches generation 3
    And the engine "chat/0" becomes ready
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engine "chat/0" becomes ready
    And the pool "chat" has restartCount 2
    When the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" comes to have reason restart_limit
    And "chat/0" stays at generation 3 for 5 ticks of it

  Scenario: The rate of restarts is a metric
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 30ms
      backoff: { delay: 10ms, limit: 10ms }
      breaker: { failureThreshold: 100 }
      """
    When the daemon is started
    Then the metric 'poold_restart_rate{pool="chat"}' is 0
    When the engine "chat/0" is killed 3 times when it is ready
    Then the metric 'poold_restart_rate{pool="chat"}' is 0.05
    And the metric 'poold_engine_restarts_total{pool="chat",replica="0",reason="signal"}' is 3
    And the metric 'poold_engine_starts_total{pool="chat",replica="0"}' is 4
