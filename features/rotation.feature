Feature: Where no head can be cut off a file, an engine stands still while its log is rotated, and never for longer

  Background:
    Given the logs are on a tmpfs
    And the pool "chat":
      """
      engine: { command: [ENGINES/writes-on.sh] }
      readyAfter: 50ms
      restart: never
      stop: { timeout: 10m }
      logs: { maxSize: 64KiB, keep: 1000 }
      """

  Scenario: Nothing of what it writes is lost or doubled, and it goes on
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And the log of "chat/0" has been rotated 3 times
    And the engine "chat/0" writes on
    When the daemon gets SIGTERM and ends
    Then the log of "chat/0" holds lines from 1 on without a gap

  Scenario Outline: The daemon dies while it stands still: the next one lets it go on (<how>)
    Given the daemon runs with POOLD_CONTAINMENT = "<containment>"
    And the daemon runs with POOLD_FAILPOINT = "rotate:frozen"
    When the daemon is started
    Then the daemon dies of SIGKILL
    And the process of "chat/0" stands still
    Given the daemon runs with POOLD_FAILPOINT = ""
    And the database is <database>
    When the daemon is started again
    Then the engine "chat/0" becomes ready
    And the engine "chat/0" has generation 1
    And the engine "chat/0" writes on
    And the pool "chat" has crashCount 0
    When the daemon gets SIGTERM and ends
    Then the log of "chat/0" holds lines from 1 on without a gap

    Examples:
      | how                                | containment | database |
      | in a cgroup where there is one     | best        | whole    |
      | without one                        | weak        | whole    |
      | in a cgroup, and nobody knows it   | best        | damaged  |
      | without one, and nobody knows it   | weak        | damaged  |

  Scenario: What was to end when the daemon died over the rotation is not left standing
    Given the pool "chat":
      """
      engine: { command: [ENGINES/writes-on.sh, DIR/go] }
      readyAfter: 50ms
      stop: { timeout: 10m }
      logs: { maxSize: 64KiB }
      """
    And the daemon runs with POOLD_FAILPOINT = "rotate:frozen"
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I send POST "/v1/pools/chat/stop":
      """
      {}
      """
    Then the answer is 202
    And the engine "chat/0" becomes stopping
    When the file "go" is made
    Then the daemon dies of SIGKILL
    When meanwhile the engine "chat/0" is killed with SIGKILL
    Given the daemon runs with POOLD_FAILPOINT = ""
    When the daemon is started again
    Then the engine "chat/0" becomes stopped
    And nothing is left of the engine "chat/0"
