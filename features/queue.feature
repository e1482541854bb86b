Feature: Whoever finds no free slot waits in the pool's queue, and is served in order

  Background:
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      readyAfter: 30ms
      backoff: { delay: 50ms }
      leases: { ttl: 10m }
      queue: { claim: 60s }
      """

  Scenario: When all slots are held one is queued, with a position and an estimate
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | ttlMs | 20000 |
    And bob asks for a lease on "chat"
    Then the answer is 202 with:
      | outcome            | queued              |
      | id                 | /^t-[0-9a-f-]{36}$/ |
      | pool               | chat                |
      | queuePosition      | 1                   |
      | estimatedWaitMs    | /^1?[0-9]{4}$/      |
      | estimatedWaitP90Ms | /^1?[0-9]{4}$/      |
      | estimateBasis      | ttl                 |
      | draining           | false               |
      | token              | undefined           |
    When carol asks for a lease on "chat"
    Then the answer is 202 with:
      | queuePosition   | 2             |
      | estimatedWaitMs | /^[1-9][0-9]{4}$/ |
    When bob shows the ticket
    Then the answer is 200 with:
      | state         | queued |
      | queuePosition | 1      |
      | holder        | bob    |
      | lease         | null   |
      | error         | null   |
    And the pool "chat" has queueDepth 2
    And the metric 'poold_pool_queue_depth{pool="chat"}' is 2
    And the metric 'poold_pool_active_leases{pool="chat"}' is 1
    When alice releases the lease
    And bob shows the ticket
    Then the answer is 200 with:
      | state           | granted |
      | lease.engine.id | chat/0  |
      | lease.slot      | 0       |
      | lease.token     | /^\S+$/ |
    And bob holds the lease
    When carol shows the ticket
    Then the answer is 200 with:
      | state         | queued |
      | queuePosition | 1      |

  Scenario: Whoever came first is served first
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat"
    And carol waits for a lease on "chat"
    And dave waits for a lease on "chat"
    Then the queue of "chat" is:
      | holder | queuePosition | state  | id        |
      | bob    | 1             | queued | undefined |
      | carol  | 2             | queued | undefined |
      | dave   | 3             | queued | undefined |
    And the metric 'poold_queue_oldest_seconds{pool="chat"}' is at least 0.05
    When alice releases the lease
    Then bob gets a lease on "chat/0"
    And the queue of "chat" is:
      | holder | queuePosition |
      | carol  | 1             |
      | dave   | 2             |
    When bob releases the lease
    Then carol gets a lease on "chat/0"
    When carol releases the lease
    Then dave gets a lease on "chat/0"
    And nobody waits for "chat"
    And the tokens of "alice, bob, carol, dave" rise in this order
    And the metric 'poold_lease_wait_seconds_count{pool="chat"}' is 3
    And the metric 'poold_lease_wait_seconds_sum{pool="chat"}' is at least 0.01
    And the metric 'poold_queue_oldest_seconds{pool="chat"}' is 0
    And the events of "chat" tell "ticket.queued" with:
      | holder     | dave |
      | queueDepth | 3    |
    And the events of "chat" tell "ticket.promoted" with:
      | holder | dave    |
      | lease  | /^l-/   |

  Scenario: The higher priority goes first, and order decides among equals
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat"
    And carol waits for a lease on "chat" with:
      | priority | 9 |
    And dave waits for a lease on "chat" with:
      | priority | 0 |
    And erin waits for a lease on "chat" with:
      | priority | 9 |
    Then the queue of "chat" is:
      | holder | priority | queuePosition |
      | carol  | 9        | 1             |
      | erin   | 9        | 2             |
      | bob    | 5        | 3             |
      | dave   | 0        | 4             |
    When alice releases the lease
    Then carol gets a lease on "chat/0"
    When carol releases the lease
    Then erin gets a lease on "chat/0"
    When erin releases the lease
    Then bob gets a lease on "chat/0"
    When bob releases the lease
    Then dave gets a lease on "chat/0"

  Scenario: Whoever has waited long is not overtaken for ever
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      readyAfter: 30ms
      queue: { aging: 200ms }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat" with:
      | priority | 2 |
    And bob has come to priority 9 in the queue of "chat"
    And carol waits for a lease on "chat" with:
      | priority | 9 |
    Then the queue of "chat" is:
      | holder | priority | queuePosition |
      | bob    | 9        | 1             |
      | carol  | 9        | 2             |
    When alice releases the lease
    Then bob gets a lease on "chat/0"

  Scenario: A full queue takes nobody in, and says when to come back
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      readyAfter: 30ms
      queue: { limit: 2, claim: 60s }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat"
    And carol asks for a lease on "chat"
    And dave asks for a lease on "chat" with:
      | priority | 9 |
    Then it is refused with 429 queue_full, saying "2 are waiting, the pool's queue.limit"
    And the answer has the header "retry-after" like "^1$"
    When dave waits for a lease on "chat"
    And dave is answered
    Then it is refused with 429 queue_full
    And the metric 'poold_queue_rejected_total{pool="chat",reason="queue_full"}' is 2
    And the pool "chat" has queueDepth 2
    When I run poolctl "lease acquire chat"
    Then it exits with 7
    And it complains "queue.limit"

  Scenario: Nobody waits longer than was agreed
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      readyAfter: 30ms
      queue: { timeout: 700ms }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob asks for a lease on "chat"
    And carol waits for a lease on "chat" with:
      | waitMs | 300 |
    And carol is answered
    Then it is refused with 503 queue_timeout, saying "no slot came free within 300 ms"
    When bob watches the ticket
    And bob is answered
    Then the answer is 200 with:
      | state       | expired                                |
      | error.code  | queue_timeout                          |
      | error.message | /no slot came free within 700 ms/    |
      | lease       | null                                   |
    And nobody waits for "chat"
    And the metric 'poold_queue_rejected_total{pool="chat",reason="queue_timeout"}' is 2
    When I run poolctl "lease acquire chat --wait 200ms"
    Then it exits with 5
    And alice holds the lease

  Scenario: Whoever hangs up has left
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat"
    And carol waits for a lease on "chat" by a connection
    And dave waits for a lease on "chat"
    Then carol hears "queued" with:
      | queuePosition | 2 |
    When bob hangs up
    Then carol hears "queued" with:
      | queuePosition | 1 |
    When carol hangs up
    Then the queue of "chat" is:
      | holder | queuePosition |
      | dave   | 1             |
    And the events of "chat" tell "ticket.left" with:
      | holder | bob |
    And the events of "chat" tell "ticket.left" with:
      | holder | carol |
    When alice releases the lease
    Then dave gets a lease on "chat/0"
    And "chat" has granted 1 of 1 slots

  Scenario: Whoever asks again by the same key waits on when its first connection breaks
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat" with:
      | key | order-9 |
    And bob asks again for a lease on "chat", and then the first connection breaks, with:
      | key | order-9 |
    Then the queue of "chat" is:
      | holder | queuePosition |
      | bob    | 1             |
    When alice releases the lease
    Then bob gets a lease on "chat/0"
    And bob holds the lease
    And "chat" has granted 1 of 1 slots
    When carol waits for a lease on "chat" with:
      | key | order-10 |
    And carol hangs up
    Then nobody waits for "chat"
    When carol waits for a lease on "chat" with:
      | key | order-10 |
    Then the queue of "chat" is:
      | holder |
      | carol  |
    When bob releases the lease
    Then carol gets a lease on "chat/0"

  Scenario: A lease that waits by its connection is granted by it
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat" by a connection
    Then bob hears "queued" with:
      | queuePosition | 1 |
      | estimateBasis | ttl |
    When alice releases the lease
    Then bob hears "granted" with:
      | engine.id | chat/0 |
      | expiresAt | null   |
    And bob holds the lease
    When bob hangs up
    Then the lease of bob has ended as released

  Scenario: A promotion that nobody claims goes to the next one
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      readyAfter: 30ms
      queue: { claim: 4s }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob asks for a lease on "chat"
    And carol waits for a lease on "chat"
    And alice releases the lease
    Then the queue of "chat" is:
      | holder | queuePosition |
      | carol  | 1             |
    And "chat" has granted 1 of 1 slots
    And the leases of "chat" are held by "bob"
    And carol gets a lease on "chat/0"
    And the daemon logs "lease.expired" for "chat/0" with:
      | holder | bob |
    When bob shows the ticket
    Then the answer is 200 with:
      | state | granted |
      | lease | null    |
    And the leases of "chat" are held by "carol"

  Scenario: A ticket that nobody asks for leaves
    Given the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      readyAfter: 30ms
      queue: { claim: 3s }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob asks for a lease on "chat"
    And carol asks for a lease on "chat"
    And carol watches the ticket
    Then the events of "chat" tell "ticket.left" with:
      | holder | bob |
    And carol is answered
    And the answer is 200 with:
      | state         | queued |
      | queuePosition | 1      |
    When bob shows the ticket
    Then the answer is 200 with:
      | state | left |
    When carol sends DELETE "/v1/tickets/TICKET"
    Then the answer is 200 with:
      | state | left |
    And nobody waits for "chat"
    When alice releases the lease
    Then "chat" has granted 0 of 1 slots

  Scenario: Tickets do not outlive the daemon
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob asks for a lease on "chat"
    And carol waits for a lease on "chat"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then nobody waits for "chat"
    And alice holds the lease
    When bob shows the ticket
    Then it is refused with 404 ticket_not_found, saying "tickets do not outlive a restart of the daemon"
    And the answer is 404 with:
      | retriable | true |
    When bob sends DELETE "/v1/tickets/TICKET"
    Then it is refused with 404 ticket_not_found

  Scenario: A promotion that nobody had claimed is lost with the daemon
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob asks for a lease on "chat"
    And alice releases the lease
    Then the leases of "chat" are held by "bob"
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then "chat" has granted 0 of 1 slots
    And the daemon logs "lease.lost" for "chat/0" with:
      | holder | bob |
    And the metric 'poold_lease_ended_total{pool="chat",how="lost"}' is 1

  Scenario: A stop refuses at once whoever waits
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat"
    And carol waits for a lease on "chat" by a connection
    And dave asks for a lease on "chat"
    And I run poolctl "stop chat --no-wait"
    And bob is answered
    Then it is refused with 503 pool_stopped
    And carol hears "refused" with:
      | code | pool_stopped |
    And the connection of carol ends
    When dave shows the ticket
    Then the answer is 200 with:
      | state      | refused      |
      | error.code | pool_stopped |
    And nobody waits for "chat"
    And the metric 'poold_queue_rejected_total{pool="chat",reason="pool_stopped"}' is 3
    When erin asks for a lease on "chat"
    Then it is refused with 503 pool_stopped, saying "poolctl start chat"
    When alice releases the lease
    Then the pool "chat" becomes stopped

  Scenario: Whoever will not wait is told what is in the way
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/listens-when.mjs, "${port}", DIR/go] }
      probes: { startup: { tcpSocket: {}, period: 50ms } }
      """
    When the daemon is started
    Then the pool "chat" becomes starting
    When alice asks for a lease on "chat" without waiting
    Then it is refused with 503 no_ready_engine
    When bob waits for a lease on "chat"
    And the file "go" is made
    Then bob gets a lease on "chat/0"
    When alice asks for a lease on "chat" without waiting
    Then it is refused with 503 no_free_slot
    And nobody waits for "chat"
    When I run poolctl "lease acquire chat --wait 0s"
    Then it exits with 7
    And it complains "the one slot of its ready engine is held"

  Scenario: Nobody waits behind a breaker that opens again too late
    Given the engine "chat/0" fails with exit code 3
    And the pool "chat":
      """
      engine: { command: [ENGINES/breaks.sh, DIR/faults] }
      readyAfter: 30ms
      backoff: { delay: 50ms }
      breaker: { failureThreshold: 1, openFor: 300s }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes failed
    When alice asks for a lease on "chat" without waiting
    Then it is refused with 503 breaker_open
    When alice asks for a lease on "chat"
    Then it is refused with 503 breaker_open
    And the answer is 503 with:
      | retryAfterMs | /^2\d{5}$/ |
      | retriable    | true       |
    And the answer has the header "retry-after" like "^(2\d\d|300)$"
    When bob waits for a lease on "chat" with:
      | waitMs | 500000 |
    Then the queue of "chat" is:
      | holder |
      | bob    |
    When the fault of "chat/0" is repaired
    And I run poolctl "reset chat"
    Then bob gets a lease on "chat/0"

  Scenario: Whoever waits is served by the engine that comes back
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob waits for a lease on "chat"
    And the engine "chat/0" is killed with SIGKILL
    Then bob gets a lease on "chat/0"
    And the lease of bob shows:
      | engine.generation | 2 |
    And the lease of alice has ended as engine_lost

  Scenario: The queue as an operator sees it
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "queue chat"
    Then it succeeds
    And it complains "nobody waits for chat"
    When alice takes a lease on "chat" with:
      | ttlMs | 60000 |
    And bob waits for a lease on "chat"
    And carol waits for a lease on "chat" with:
      | priority | 7 |
    And I run poolctl "queue chat"
    Then it succeeds
    And it prints like "POSITION +TICKET +HOLDER +PRIORITY +WAITED +ESTIMATE"
    And it prints like "1 +t-[0-9a-f]{6} +carol +7 +\d+(\.\d)?m?s +\S+ by their TTL"
    And it prints like "2 +t-[0-9a-f]{6} +bob +5 "
    When I run poolctl "queue chat --output json"
    Then its output as JSON has items.0.holder = "carol"
    And it does not print "token"
    When I run poolctl "queue chta"
    Then it exits with 3
