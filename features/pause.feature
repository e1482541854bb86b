Feature: A pause takes no new leases and leaves engines and holders alone

  Background:
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      slots: 2
      readyAfter: 30ms
      backoff: { delay: 50ms }
      leases: { ttl: 10m }
      """

  Scenario: A paused pool refuses, and whoever holds a lease goes on
    When the daemon is started
    Then the pool "chat" becomes running
    When I note the pid of "chat/0"
    And alice takes a lease on "chat"
    And I run poolctl "pause chat --reason 'driver looks odd'"
    Then it succeeds
    And it prints "pause chat: paused"
    And the pool "chat" becomes paused
    And the message of the pool "chat" is like "paused by .*: driver looks odd; poolctl resume chat goes on"
    And the pool "chat" has ready false
    And the pool "chat" has slotsFree 0
    And the metric 'poold_pool_ready{pool="chat"}' is 0
    When bob asks for a lease on "chat"
    Then it is refused with 503 pool_paused, saying "poolctl resume chat"
    And the answer is 503 with:
      | retriable | true |
    When bob asks for a lease on "chat" without waiting
    Then it is refused with 503 pool_paused
    When I run poolctl "lease acquire chat"
    Then it exits with 7
    When alice renews the lease
    Then the answer is 200 with:
      | renewals | 1     |
      | draining | false |
    And alice holds the lease
    And the pid of "chat/0" is still the same
    And the engine "chat/0" has state ready
    When I run poolctl "pause chat"
    Then it succeeds
    And it prints "already"
    When I run poolctl "resume chat"
    Then it succeeds
    And the pool "chat" becomes running
    When bob takes a lease on "chat"
    Then "chat" has granted 2 of 2 slots
    And the pid of "chat/0" is still the same
    When I run poolctl "resume chat"
    Then it succeeds

  Scenario: Whoever waits when a pause comes waits on, and is served after it
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob takes a lease on "chat"
    And carol waits for a lease on "chat"
    And I run poolctl "pause chat"
    And alice releases the lease
    And bob releases the lease
    Then the queue of "chat" is:
      | holder |
      | carol  |
    And the engines of "chat" become:
      | activeLeases |
      | 0            |
    When I run poolctl "resume chat"
    Then carol gets a lease on "chat/0"

  Scenario: An engine that is paused gets nobody, the others go on
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      slots: 2
      readyAfter: 30ms
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And I run poolctl "pause chat/0 --reason hot"
    Then it succeeds
    And the engine "chat/0" has reason paused
    And the message of the engine "chat/0" is like "paused by .*: hot; poolctl resume chat/0"
    And the engine "chat/0" has state ready
    When bob takes a lease on "chat"
    And carol takes a lease on "chat"
    Then alice holds the lease on "chat/0"
    And bob holds the lease on "chat/1"
    And carol holds the lease on "chat/1"
    When dave asks for a lease on "chat" without waiting
    Then it is refused with 503 no_free_slot
    When dave waits for a lease on "chat"
    And I run poolctl "resume chat/0"
    Then dave gets a lease on "chat/0"
    When I run poolctl "pause chat/7"
    Then it exits with 3
    And it complains "the pool has 2 replicas, counted from 0"

  Scenario: A pause is shown as an override and kept when the daemon starts anew
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And I run poolctl "pause chat --reason 'until Monday'"
    Then the status of "chat" shows:
      | state               | paused           |
      | overrides.0.key     | paused           |
      | overrides.0.value   | paused           |
      | overrides.0.fileValue | null           |
      | overrides.0.by      | /tester@\|notty/ |
      | overrides.0.at      | /^20.*Z$/        |
      | overrides.0.reason  | until Monday     |
    When I note the overrides of "chat"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the pool "chat" becomes paused
    And the overrides of "chat" is still the same
    When bob asks for a lease on "chat"
    Then it is refused with 503 pool_paused
    And alice holds the lease
    When the engine "chat/0" is killed with SIGKILL
    Then the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And the pool "chat" becomes paused
    When I run poolctl "resume chat"
    Then the status of "chat" shows:
      | state       | running   |
      | overrides.0 | undefined |
    When bob takes a lease on "chat"
    Then the lease of bob shows:
      | engine.generation | 2 |

  Scenario: The pause of one engine is kept too, and a start of the engine does not undo it
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      replicas: 2
      readyAfter: 30ms
      backoff: { delay: 50ms }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "pause chat/1 --reason noisy"
    And the engine "chat/1" is killed with SIGKILL
    Then the engine "chat/1" reaches generation 2
    And the engine "chat/1" becomes ready
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the status of "chat" shows:
      | overrides.0.key    | engines.1 |
      | overrides.0.value  | paused    |
      | overrides.0.reason | noisy     |
    And the engine "chat/0" becomes ready
    When alice takes a lease on "chat"
    Then alice holds the lease on "chat/0"
    When bob asks for a lease on "chat" without waiting
    Then it is refused with 503 no_free_slot
    When I run poolctl "resume chat/1"
    And bob takes a lease on "chat"
    Then bob holds the lease on "chat/1"
