Feature: Stopping engines, and starting them again by hand

  Scenario: A stopped pool stays stopped, and says by whom and why
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/1" becomes ready
    When I run poolctl "stop chat --reason 'new disks'"
    Then it succeeds
    And it prints "stop chat: stopped"
    And the pool "chat" becomes stopped
    And the pool "chat" has reason stopped_by_hand
    And the message of the pool "chat" is like "^stopped by .+@notty \(claimed\) at 20.*Z: new disks$"
    And the last end of "chat/1" was:
      | class   | requested                          |
      | code    | 0                                  |
      | message | stopped as asked (exit code 0)     |
    And the engine "chat/0" writes "heard TERM"
    And the pool "chat" has crashCount 0
    And nothing is left of the engine "chat/0"
    And nothing is left of the engine "chat/1"
    When I run poolctl "stop chat"
    Then it succeeds
    And it prints "already so"
    When I run poolctl "restart chat"
    Then it exits with 7
    And it complains "it is stopped; say poolctl start chat"
    When I run poolctl "start chat"
    Then it succeeds
    And the engines of "chat" become:
      | state | generation |
      | ready | 2          |
      | ready | 2          |
    And the pool "chat" has overrides.length 0

  Scenario: One engine is stopped by hand, and stays so over the death of the daemon
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/1" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "stop chat/1 --reason 'it hums'"
    Then it succeeds
    And the pool "chat" becomes running
    And the status of "chat" shows:
      | overrides.length      | 1                        |
      | overrides.0.key       | engines.1                |
      | overrides.0.value     | stopped                  |
      | overrides.0.fileValue | running                  |
      | overrides.0.by        | /^.+@notty \(claimed\)$/ |
      | overrides.0.at        | /^20.+Z$/                |
      | overrides.0.reason    | it hums                  |
      | engines.1.state       | stopped                  |
      | engines.1.reason      | stopped_by_hand          |
      | engines.1.message     | /: it hums$/             |
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the status of "chat" shows:
      | overrides.length   | 1         |
      | overrides.0.key    | engines.1 |
      | overrides.0.reason | it hums   |
      | engines.0.state    | ready     |
      | engines.1.state    | stopped   |
    And the pid of "chat/0" is still the same
    When I run poolctl "status chat"
    Then it prints "engines.1 stopped instead of running"
    And it prints ": it hums"
    When I run poolctl "start chat/1"
    Then it succeeds
    And the status of "chat" shows:
      | overrides.length | 0     |
      | engines.1.state  | ready |

  Scenario: An engine that ignores TERM is killed at stop.timeout, and poolctl says so
    Given the pool "chat":
      """
      engine: { command: [ENGINES/ignores-term.sh] }
      readyAfter: 50ms
      stop: { timeout: 300ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "stop chat"
    Then it exits with 4
    And it prints "stop chat: forced"
    And it complains "killing chat/0: it was still there after stop.timeout"
    And the engine "chat/0" writes "heard TERM"
    And the last end of "chat/0" was:
      | class   | requested                  |
      | code    | null                       |
      | signal  | SIGKILL                    |
      | message | stopped as asked (SIGKILL) |
    And nothing is left of the engine "chat/0"

  Scenario: stop.command asks the engine instead of a signal
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      readyAfter: 50ms
      stop: { command: [sh, -c, 'echo "$POOLD_PID" > DIR/asked; kill -USR1 "$POOLD_PID"'], timeout: 10s }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "stop chat"
    Then it succeeds
    And it prints "stop chat: stopped"
    And the engine "chat/0" writes "heard USR1"
    And the file "asked" holds the noted pid of "chat/0"
    And nothing is left of the engine "chat/0"

  Scenario: A stop.command that fails makes room for the signal
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      readyAfter: 50ms
      stop: { command: [sh, -c, 'echo nobody home; exit 9'], timeout: 10s }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "stop chat"
    Then it succeeds
    And the engine "chat/0" writes "heard TERM"
    And the daemon says "its stop command ended with code 9; it said: nobody home: it gets SIGTERM instead"

  Scenario: The stop begins with the signal of the configuration
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh], stopSignal: SIGINT }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "stop chat"
    Then it succeeds
    And the engine "chat/0" writes "heard INT"
    And the engine "chat/0" never wrote "heard TERM"

  Scenario: A grandchild in a session of its own does not stay behind
    Given the pool "chat":
      """
      engine: { command: [ENGINES/setsid-grandchild.sh] }
      readyAfter: 50ms
      stop: { timeout: 300ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" consists of 2 processes
    When I run poolctl "stop chat"
    Then it succeeds
    And nothing is left of the engine "chat/0"

  Scenario: A frozen engine hears the TERM all the same
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When the engine "chat/0" is killed with SIGSTOP
    And I run poolctl "stop chat"
    Then it succeeds
    And it prints "stop chat: stopped"
    And the engine "chat/0" writes "heard TERM"
    And nothing is left of the engine "chat/0"

  Scenario: A stop during the back-off calls the next start off
    Given the pool "chat":
      """
      engine: { command: [ENGINES/dies-after.sh, "0", "1"] }
      backoff: { delay: 5m, limit: 5m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes backoff
    When I run poolctl "stop chat"
    Then it succeeds
    And the engines of "chat" become:
      | state   | generation | nextStartAt | pid  |
      | stopped | 1          | null        | null |
    And the pool "chat" becomes stopped

  Scenario: A stop during a start ends it, and counts nothing
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/listens-when.mjs, "${port}", DIR/never] }
      probes: { startup: { tcpSocket: {}, period: 50ms } }
      """
    When the daemon is started
    Then the engine "chat/0" writes "waiting"
    When I run poolctl "stop chat"
    Then it succeeds
    And the pool "chat" becomes stopped
    And the last end of "chat/0" was:
      | class  | requested |
      | signal | SIGTERM   |
    And the pool "chat" has crashCount 0
    And nothing is left of the engine "chat/0"

  Scenario: Scaling down stops the highest replicas, and the others do not notice
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "scale chat 4 --reason 'busy day'"
    Then it succeeds
    And it prints "scale chat: scaled"
    And the engines of "chat" become:
      | id     | state |
      | chat/0 | ready |
      | chat/1 | ready |
      | chat/2 | ready |
      | chat/3 | ready |
    And the status of "chat" shows:
      | replicas              | 4        |
      | slotsTotal            | 4        |
      | overrides.0.key       | replicas |
      | overrides.0.value     | 4        |
      | overrides.0.fileValue | 2        |
      | overrides.0.reason    | busy day |
    When I run poolctl "scale chat 1"
    Then it succeeds
    And the engines of "chat" become:
      | id     | state | generation |
      | chat/0 | ready | 1          |
    And the pid of "chat/0" is still the same
    And nothing is left of the engine "chat/1"
    And nothing is left of the engine "chat/3"
    When I run poolctl "scale chat 2"
    Then it succeeds
    And the engines of "chat" become:
      | id     | state | generation |
      | chat/0 | ready | 1          |
      | chat/1 | ready | 2          |
    And the pool "chat" has overrides.length 0
    And the pool "chat" has crashCount 0

  Scenario: A pool scaled to nothing is stopped
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "scale chat 0"
    Then it succeeds
    And the pool "chat" becomes stopped
    And nothing is left of the engine "chat/0"

  Scenario: A restart takes one engine after the other
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      reload: { strategy: rolling, maxSurge: 0, maxUnavailable: 1, soak: 0s }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/1" becomes ready
    When I run poolctl "restart chat --reason 'new driver'"
    Then it succeeds
    And it prints "restart chat: restarted"
    And the engines of "chat" become:
      | state | generation |
      | ready | 2          |
      | ready | 2          |
    And the daemon logs in this order:
      | engine.exited      | chat/0 |
      | engine.ready       | chat/0 |
      | engine.exited      | chat/1 |
      | engine.ready       | chat/1 |
      | operation.finished | chat   |
    And the daemon has logged "engine.exited" for "chat/0" 1 time
    And the pool "chat" has restartCount 0
    And the pool "chat" has crashCount 0

  Scenario: A restart ends at the first engine that does not come back, and leaves the others alone
    Given the pool "chat":
      """
      engine: { command: [sh, -c, 'test ! -e DIR/broken && exec sleep 1000; echo no model; exit 5'] }
      replicas: 2
      readyAfter: 100ms
      backoff: { delay: 5m, limit: 5m }
      reload: { strategy: rolling, maxSurge: 0, maxUnavailable: 1, soak: 0s }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/1" becomes ready
    When I note the pid of "chat/1"
    And the file "broken" is made
    And I run poolctl "restart chat"
    Then it exits with 1
    And it complains "cannot restart chat: the new chat/0 failed: ended with exit code 5 before it was ready: no model"
    And the engines of "chat" become:
      | state   | generation |
      | backoff | 3          |
      | ready   | 1          |
    And the pid of "chat/1" is still the same

  Scenario: One engine is restarted without the others
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      reload: { soak: 0s }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "chat/1" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "restart chat/1"
    Then it succeeds
    And the engine "chat/1" has generation 2
    And the engine "chat/0" has generation 1
    And the pid of "chat/0" is still the same

  Scenario: shutdown --engines=stop ends engines and daemon
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/1" becomes ready
    When I run poolctl "shutdown --engines=stop"
    Then it succeeds
    And it prints "poold: stopped"
    And the daemon ends with code 0
    And nothing is left of the engine "chat/0"
    And nothing is left of the engine "chat/1"
    And the file "run/api.sock" is gone
    And the file "run/poold.pid" is gone
    When I run poolctl "status"
    Then it exits with 6
    When the daemon is started again
    Then the engines of "chat" become:
      | state | generation |
      | ready | 2          |
      | ready | 2          |
    And the pool "chat" has crashCount 0

  Scenario: shutdown --engines=keep ends the daemon alone, and the next one goes on with the same engines
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "shutdown --engines=keep"
    Then it succeeds
    And it prints "poold: stopped; its engines run on, and the next poold takes them over"
    And the daemon ends with code 0
    And the engine "chat/0" consists of 1 process
    When the daemon is started again
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 1
    And the pid of "chat/0" is still the same

  Scenario: SIGTERM to the daemon stops the engines, which the next daemon starts again
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      readyAfter: 50ms
      """
    And the pool "stubborn":
      """
      engine: { command: [ENGINES/ignores-term.sh] }
      readyAfter: 50ms
      stop: { timeout: 200ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the engine "stubborn/0" becomes ready
    When the daemon gets SIGTERM and ends
    Then the daemon has ended with code 0
    And the engine "chat/0" writes "heard TERM"
    And nothing is left of the engine "chat/0"
    And nothing is left of the engine "stubborn/0"
    When the daemon is started again
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 2
    And the pool "chat" has overrides.length 0

  Scenario: Everything is stopped with --all
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    And the pool "embed":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "chat" becomes running
    And the pool "embed" becomes running
    When I run poolctl "stop --all"
    Then it succeeds
    And the pool "chat" becomes stopped
    And the pool "embed" becomes stopped
    And nothing is left of the engine "chat/0"
    And nothing is left of the engine "embed/0"
