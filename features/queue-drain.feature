Feature: Whoever was queued before a drain is still served, as long as there is time

  Background: nobody renews a lease here
    Given beside the pools the configuration says:
      """
      defaults: { leases: { ttl: 10m } }
      """
    And the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 50ms
      """

  Scenario: Those who wait are served in their order, and nobody new is let in
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat"
    And cid waits for a lease on "chat"
    And I begin poolctl "drain chat --deadline 5m"
    Then the pool "chat" becomes draining
    And the message of the pool "chat" is like "1 lease is held, 2 are waiting and still served; at most"
    When dan asks for a lease on "chat"
    Then it is refused with 503 pool_draining
    And bob still waits
    When ann releases the lease
    Then bob gets a lease on "chat/0"
    When bob renews the lease
    Then the answer is 200 with:
      | draining   | true     |
      | deadlineAt | /^20.*Z/ |
    And cid still waits
    When dan asks for a lease on "chat" without waiting
    Then it is refused with 503 pool_draining
    When bob releases the lease
    Then cid gets a lease on "chat/0"
    And the engine "chat/0" becomes draining
    When cid releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "drain chat: drained"
    And those who waited for "chat" were promoted in the order "bob, cid"
    And the pool "chat" becomes drained

  Scenario: During a drain the queue goes by priority as ever
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat" with:
      | priority | 2 |
    And cid waits for a lease on "chat" with:
      | priority | 8 |
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And ann releases the lease
    Then cid gets a lease on "chat/0"
    When cid releases the lease
    Then bob gets a lease on "chat/0"
    When bob releases the lease
    Then the pool "chat" becomes drained
    And those who waited for "chat" were promoted in the order "cid, bob"

  Scenario: A ticket says where it stands while the pool drains, and becomes a lease
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob takes a ticket of "chat"
    And cid takes a ticket of "chat"
    And cid shows the ticket
    Then the answer is 200 with:
      | state         | queued |
      | queuePosition | 2      |
      | draining      | false  |
    When I run poolctl "drain chat --deadline 5m --no-wait"
    Then the queue of "chat" is:
      | holder | queuePosition | draining | estimatedWaitMs | estimateBasis |
      | bob    | 1             | true     | /^\d+$/         | ttl           |
      | cid    | 2             | true     | /^\d+$/         | ttl           |
    When cid shows the ticket
    Then the answer is 200 with:
      | state              | queued  |
      | queuePosition      | 2       |
      | estimatedWaitMs    | /^\d+$/ |
      | estimatedWaitP90Ms | /^\d+$/ |
      | draining           | true    |
    And the status of "chat" shows:
      | state      | draining |
      | draining   | true     |
      | queueDepth | 2        |
    And the metric 'poold_pool_queue_depth{pool="chat"}' is 2
    When ann releases the lease
    Then the ticket of bob comes to say:
      | state                  | granted |
      | lease.engine.id        | chat/0  |
      | lease.draining         | true    |
      | lease.deadlineAt       | /^20/   |
    And the ticket of cid comes to say:
      | state         | queued |
      | queuePosition | 1      |
      | draining      | true   |
    When bob releases the lease
    Then the ticket of cid comes to say:
      | state | granted |
    When cid releases the lease
    Then the pool "chat" becomes drained

  Scenario: Each step of it is told
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I note the newest cursor
    And I follow the events of "chat" from there
    And bob waits for a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And ann releases the lease
    Then bob gets a lease on "chat/0"
    When bob releases the lease
    Then I am told in this order:
      | ticket.queued   |        | holder     | bob      |
      | drain.started   |        | queueDepth | 1        |
      | lease.draining  | chat/0 | holder     | ann      |
      | pool.state      |        | newState   | draining |
      | lease.released  | chat/0 | holder     | ann      |
      | lease.granted   | chat/0 | holder     | bob      |
      | ticket.promoted |        | holder     | bob      |
      | lease.released  | chat/0 | holder     | bob      |
      | engine.exited   | chat/0 | class      | requested |
      | drain.finished  |        | outcome    | drained  |
      | pool.state      |        | newState   | drained  |

  Scenario: A hundred who ask how it goes are all answered while it drains and serves the queue
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat"
    And cid takes a ticket of "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And 100 clients ask for "/v1/pools/chat/status" at once
    Then all 100 are told:
      | state                  | draining |
      | draining               | true     |
      | activeLeases           | 1        |
      | queueDepth             | 2        |
      | engines.0.state        | draining |
    When 100 clients ask for "/v1/pools/chat/queue" at once
    Then all 100 are told:
      | items.0.holder          | bob     |
      | items.0.queuePosition   | 1       |
      | items.0.draining        | true    |
      | items.1.holder          | cid     |
      | items.1.queuePosition   | 2       |
      | items.1.draining        | true    |
      | items.1.estimatedWaitMs | /^\d+$/ |
      | items.1.estimateBasis   | ttl     |
    When 100 clients ask for "/v1/pools/chat/status" at once, while ann releases the lease
    Then all 100 are told:
      | state           | draining |
      | draining        | true     |
      | activeLeases    | 1        |
      | slotsFree       | 0        |
      | queueDepth      | /^[12]$/ |
      | engines.0.state | draining |
    And bob gets a lease on "chat/0"
    When 100 clients ask for "/v1/pools/chat/queue" at once
    Then all 100 are told:
      | items.0.holder        | cid       |
      | items.0.queuePosition | 1         |
      | items.0.draining      | true      |
      | items.1               | undefined |
    When bob releases the lease
    Then the ticket of cid comes to say:
      | state          | granted |
      | lease.draining | true    |
    When cid releases the lease
    Then the pool "chat" becomes drained
    And those who waited for "chat" were promoted in the order "bob, cid"

  Scenario: When the only engine dies during a drain those who wait are told at once
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat"
    And cid takes a ticket of "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And the engine "chat/0" is killed with SIGKILL
    When bob is answered
    Then it is refused with 503 pool_draining
    And the answer is 503 with:
      | reason                            | MAINTENANCE   |
      | maintenance.acceptsNewConnections | false         |
    And the ticket of cid comes to say:
      | state      | refused       |
      | error.code | pool_draining |
    And the lease of ann has ended as engine_lost, saying "chat/0 has ended"
    And the pool "chat" becomes drained
    And the engine "chat/0" has generation 1
    And nobody was granted an engine of "chat" after "drain.started"

  Scenario: Nobody is granted an engine at or after the deadline
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat"
    And cid takes a ticket of "chat"
    And I run poolctl "drain chat --deadline 500ms"
    Then it exits with 4
    When bob is answered
    Then it is refused with 503 pool_draining
    And the ticket of cid comes to say:
      | state      | refused       |
      | error.code | pool_draining |
    And the lease of ann has ended as forced, saying "its deadline has come"
    And nobody was granted an engine of "chat" after "drain.started"
    And nothing of "chat" was cut before the deadline
    And the pool "chat" becomes drained

  Scenario: Who is served late in a drain has no longer than its deadline
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat"
    And I run poolctl "drain chat --deadline 2s --no-wait"
    And ann releases the lease
    Then bob gets a lease on "chat/0"
    And the lease of bob ends not beyond the deadline of its drain
    And the lease of bob has ended as forced, saying "its deadline has come"
    And nothing of "chat" was cut before the deadline
    And the newest operation of "chat" comes to be:
      | outcome | forced |

  Scenario: A stop lets nobody wait
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat"
    And I run poolctl "stop chat --no-wait"
    When bob is answered
    Then it is refused with 503 pool_stopped
    And ann holds the lease on "chat/0"

  Scenario: A drain that is called off lets the queue go on, and newcomers in again
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob waits for a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And I run poolctl "resume chat"
    And cid waits for a lease on "chat"
    And ann releases the lease
    Then bob gets a lease on "chat/0"
    When bob renews the lease
    Then the answer is 200 with:
      | draining | false |
    When bob releases the lease
    Then cid gets a lease on "chat/0"
    And the pool "chat" becomes running

  Scenario: poolctl shows those who wait that the pool drains, and serves them
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I begin poolctl "lease acquire chat --wait 1m --holder bob"
    Then the running poolctl complains "waiting for chat: number 1 in the queue"
    When I run poolctl "drain chat --deadline 5m --no-wait"
    Then the running poolctl complains "waiting for chat, which is draining: number 1 in the queue"
    When ann releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "drains  it is taken away in"

  Scenario: Tickets do not outlive the daemon, the drain and the leases do
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And bob takes a ticket of "chat"
    And I run poolctl "drain chat --deadline 10m --no-wait"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    And bob shows the ticket
    Then it is refused with 404 ticket_not_found
    And ann holds the lease on "chat/0"
    And the pool "chat" becomes draining
    When ann releases the lease
    Then the pool "chat" becomes drained

  Scenario: Only those who wait for the engine that is left are served by it
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      replicas: 2
      readyAfter: 50ms
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And cid waits for a lease on "chat"
    And I run poolctl "drain chat/0 --deadline 5m --no-wait"
    And ann releases the lease
    Then the engine "chat/0" becomes stopped
    And cid still waits
    When bob releases the lease
    Then cid gets a lease on "chat/1"
