Feature: On a terminal poolctl asks before it cuts anyone off, and shows how far it is

  Background:
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      leases: { ttl: 10m }
      drain: { deadline: 5m }
      """

  Scenario: Nobody is cut off without a yes
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And I note all that poold knows
    And I begin poolctl "stop chat --now" on a terminal
    Then the running poolctl prints "2 leases are held on chat (by ann, bob); cut them? [y/N]"
    When I type "n"
    Then the running poolctl ends with code 7
    And the running poolctl prints "nothing was cut, nothing was done"
    And nothing has changed
    When I begin poolctl "stop chat --now" on a terminal
    Then the running poolctl prints "cut them? [y/N]"
    When I type ""
    Then the running poolctl ends with code 7
    And nothing has changed
    When I begin poolctl "stop chat --now" on a terminal
    Then the running poolctl prints "cut them? [y/N]"
    When I type "y"
    Then the running poolctl ends with code 4
    And the lease of ann has ended as revoked, saying "chat/0 was stopped at once"
    And the lease of bob has ended as revoked, saying "chat/1 was stopped at once"
    And the pool "chat" becomes stopped

  Scenario: It asks for those only who would be cut off
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And I begin poolctl "restart chat/0 --now" on a terminal
    Then the running poolctl prints "1 lease is held on chat (by ann); cut it? [y/N]"
    When I type "yes"
    Then the lease of ann has ended as revoked
    And the engines of "chat" become:
      | generation | state |
      | 2          | ready |
      | 1          | ready |
    And bob holds the lease on "chat/1"

  Scenario: Where nobody would be cut off, nobody is asked
    When the daemon is started
    Then the pool "chat" becomes running
    When I begin poolctl "stop chat --now" on a terminal
    Then the running poolctl ends with code 0
    And the pool "chat" becomes stopped

  Scenario: Whoever waits for a drain sees how many leases are left, and for how long
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And I begin poolctl "drain chat" on a terminal
    Then the running poolctl prints "2 leases left"
    When ann releases the lease
    Then the running poolctl prints "1 lease left"
    And the running poolctl prints "to the deadline"
    When bob releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "drain chat: drained"
