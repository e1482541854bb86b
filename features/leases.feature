Feature: A lease is the right to use one slot of one engine, until it ends once and for all

  Background:
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh, "${port}"] }
      slots: 3
      readyAfter: 30ms
      backoff: { delay: 50ms }
      leases: { ttl: 10m }
      """

  Scenario: Leases are counted, by the status and by the metrics, and never below zero
    Given the pool "draft":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      slots: 2
      readyAfter: 30ms
      """
    When the daemon is started
    Then the pool "chat" becomes running
    And the pool "draft" becomes running
    And "chat" has granted 0 of 3 slots
    When alice takes a lease on "chat"
    Then "chat" has granted 1 of 3 slots
    And "draft" has granted 0 of 2 slots
    When bob takes a lease on "chat"
    And carol takes a lease on "draft"
    Then "chat" has granted 2 of 3 slots
    And "draft" has granted 1 of 2 slots
    And the leases of "chat" are held by "alice, bob"
    And the engines of "chat" become:
      | activeLeases |
      | 2            |
    When alice releases the lease
    And "chat" has granted 1 of 3 slots
    When alice releases the lease once more
    And "chat" has granted 1 of 3 slots
    When bob releases the lease
    And bob releases the lease once more
    And alice releases the lease once more
    Then "chat" has granted 0 of 3 slots
    And "draft" has granted 1 of 2 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="released"}' is 2
    And the metric 'poold_lease_duration_seconds_count{pool="chat"}' is 2
    When I ask for "/v1/leases?pool=chat"
    Then the answer is 200 with:
      | items |  |

  Scenario: What whoever takes a lease is told
    When the daemon is started
    Then the pool "chat" becomes running
    When alice asks for a lease on "chat" with:
      | ttlMs | 7000 |
    Then the answer is 201 with:
      | outcome           | granted                                    |
      | id                | /^l-[0-9a-f-]{36}$/                        |
      | pool              | chat                                       |
      | engine.id         | chat/0                                     |
      | engine.generation | 1                                          |
      | engine.url        | /^http:\/\/127\.0\.0\.1:\d+$/              |
      | slot              | 0                                          |
      | token             | /^\S+$/                                    |
      | ttlMs             | 7000                                       |
      | expiresAt         | /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ |
      | draining          | false                                      |
      | deadlineAt        | null                                       |
    And the lease of alice shows:
      | holder    | alice  |
      | pool      | chat   |
      | engine.id | chat/0 |
      | slot      | 0      |
      | bind      | ttl    |
      | renewals  | 0      |
      | client    | alice  |
      | token     | undefined |
    When bob takes a lease on "chat"
    Then the lease of bob shows:
      | slot | 1 |
    When alice releases the lease
    And carol takes a lease on "chat"
    Then the lease of carol shows:
      | slot | 0 |
    And the tokens of "alice, bob, carol" rise in this order

  Scenario: Each lease goes to the engine that is used least
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      replicas: 2
      slots: 2
      readyAfter: 30ms
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob takes a lease on "chat"
    Then the engines of "chat" become:
      | activeLeases |
      | 1            |
      | 1            |
    When alice releases the lease
    And carol takes a lease on "chat"
    Then the engines of "chat" become:
      | activeLeases |
      | 1            |
      | 1            |
    When dave takes a lease on "chat"
    And erin takes a lease on "chat"
    Then "chat" has granted 4 of 4 slots
    When frank asks for a lease on "chat" without waiting
    Then it is refused with 503 no_free_slot, saying "all 4 slots of its ready engines are held"

  Scenario: A lease that nobody renews expires, and does not come back
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | ttlMs | 300 |
    Then the lease of alice has ended as expired
    And "chat" has granted 0 of 3 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="expired"}' is 1
    And the daemon logs "lease.expired" for "chat/0" with:
      | holder | alice |
      | how    | expired |
    When alice renews the lease
    Then it is refused with 410 lease_ended, saying "not renewed within its TTL of 300 ms"
    When alice sends POST "/v1/leases/LEASE/verify":
      """
      {"token": "TOKEN"}
      """
    Then it is refused with 410 lease_ended
    When alice sends POST "/v1/leases/LEASE/attach":
      """
      {"token": "TOKEN"}
      """
    Then it is refused with 410 lease_ended
    When alice sends POST "/v1/leases/LEASE/revoke":
      """
      {}
      """
    Then it is refused with 410 lease_ended
    When alice releases the lease once more
    And "chat" has granted 0 of 3 slots

  Scenario: Whoever renews holds on, for as long as it likes
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | ttlMs | 3000 |
    And alice renews the lease until it was held for 3300 ms
    Then alice holds the lease
    When alice sends POST "/v1/leases/LEASE/renew":
      """
      {"token": "TOKEN", "ttlMs": 200}
      """
    Then the answer is 200 with:
      | outcome  | renewed |
      | ttlMs    | 200     |
      | draining | false   |
    And the lease of alice has ended as expired
    And the events of "chat" tell "lease.granted" with:
      | holder | alice |
      | ttlMs  | 3000  |
    And the events of "chat" never tell "lease.renewed"

  Scenario: Nobody holds a lease for longer than leases.maxHold, however it is held
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      slots: 2
      readyAfter: 30ms
      leases: { ttl: 3s, maxHold: 4s }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When bob holds a lease on "chat" by a connection
    And alice takes a lease on "chat"
    And alice renews the lease until it was held for 3100 ms
    Then the lease of alice has ended as expired
    When alice renews the lease
    Then it is refused with 410 lease_ended, saying "held for 4000 ms, the pool's leases.maxHold"
    And bob hears "ended" with:
      | how     | expired                                    |
      | message | held for 4000 ms, the pool's leases.maxHold |
    And the connection of bob ends
    And "chat" has granted 0 of 2 slots

  Scenario: The same Idempotency-Key is the same lease
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | key | order-7 |
    And I note the activeLeases of "chat"
    And alice runs poolctl "leases chat"
    Then it prints "alice"
    When bob takes a lease on "chat"
    And alice sends POST "/v1/leases/LEASE/renew":
      """
      {"token": "TOKEN"}
      """
    Then the answer is 200 with:
      | renewals | 1 |
    When alice takes a lease on "chat" with:
      | key | order-7 |
    Then the lease of alice shows:
      | renewals | 1 |
      | slot     | 0 |
    And "chat" has granted 2 of 3 slots
    When alice asks for a lease on "chat" with:
      | key   | order-7 |
      | ttlMs | 900     |
    Then it is refused with 409 conflict, saying "it was sent with another request"
    And "chat" has granted 2 of 3 slots
    When the daemon is killed with SIGKILL
    And the daemon is started again
    And alice takes a lease on "chat" with:
      | key | order-7 |
    Then the lease of alice shows:
      | renewals | 1 |
    And "chat" has granted 2 of 3 slots
    When alice releases the lease
    And alice asks for a lease on "chat" with:
      | key | order-7 |
    Then it is refused with 410 lease_ended, saying "given back"
    And "chat" has granted 1 of 3 slots

  Scenario: A lease that is bound to a connection lives as long as that
    When the daemon is started
    Then the pool "chat" becomes running
    When alice holds a lease on "chat" by a connection with:
      | ttlMs | 900 |
    Then the lease of alice shows:
      | bind      | connection |
      | expiresAt | null       |
    And alice hears something 5 times, about each 300 ms
    And alice holds the lease
    And "chat" has granted 1 of 3 slots
    When alice hangs up
    Then the lease of alice has ended as released
    And "chat" has granted 0 of 3 slots
    When bob takes a lease on "chat" with:
      | ttlMs | 2000 |
    And bob binds the lease to a connection
    And bob has held the lease for 2200 ms
    Then bob holds the lease
    When bob releases the lease
    Then bob hears "ended" with:
      | how | released |
    And the connection of bob ends

  Scenario: A lease that was bound to a connection goes on for one TTL when the daemon has died
    When the daemon is started
    Then the pool "chat" becomes running
    When alice holds a lease on "chat" by a connection with:
      | ttlMs | 5000 |
    And bob holds a lease on "chat" by a connection with:
      | ttlMs | 60000 |
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the lease of bob shows:
      | bind      | ttl       |
      | expiresAt | /^20.*Z$/ |
    And "chat" has granted 2 of 3 slots
    When bob binds the lease to a connection
    Then the lease of bob shows:
      | bind      | connection |
      | expiresAt | null       |
    And the lease of alice has ended as expired
    And bob holds the lease

  Scenario: Tokens are shown to whoever is granted the lease, and to nobody else
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And alice renews the lease
    Then the answer does not say "token"
    And neither lists nor events nor the log ever showed the token of alice
    When alice runs poolctl "leases --output json"
    Then it does not print "token"

  Scenario: Whoever asks with another token is not the holder
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob takes a lease on "chat"
    And alice sends POST "/v1/leases/LEASE/verify":
      """
      {"token": "TOKEN"}
      """
    Then the answer is 200 with:
      | holder    | alice     |
      | engine.id | chat/0    |
      | token     | undefined |
    When alice sends POST "/v1/leases/LEASE/verify":
      """
      {"token": "TOKEN0"}
      """
    Then it is refused with 409 stale_token
    When alice sends POST "/v1/leases/LEASE/renew":
      """
      {"token": "000000000000-000000000000000"}
      """
    Then it is refused with 409 stale_token
    When alice sends POST "/v1/leases/LEASE/attach":
      """
      {"token": "stolen"}
      """
    Then it is refused with 409 stale_token
    When alice sends DELETE "/v1/leases/LEASE" with the token "stolen"
    Then it is refused with 409 stale_token
    When alice runs poolctl "lease release LEASE --token stolen"
    Then it exits with 7
    And it complains "cannot accept this token for"
    And alice holds the lease
    And "chat" has granted 2 of 3 slots

  Scenario: An operator takes a lease away, and the holder is told
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob holds a lease on "chat" by a connection
    And alice runs poolctl "lease revoke LEASE --reason 'the GPU is needed'"
    Then it succeeds
    And it prints "revoked; alice held it on chat/0"
    And the lease of alice has ended as revoked
    When alice renews the lease
    Then it is refused with 410 lease_ended, saying "the GPU is needed"
    When bob runs poolctl "lease revoke LEASE --reason maintenance"
    Then bob hears "ended" with:
      | how     | revoked       |
      | message | /maintenance$/ |
    And the connection of bob ends
    And "chat" has granted 0 of 3 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="revoked"}' is 2
    When alice runs poolctl "lease revoke LEASE"
    Then it exits with 7
    And it complains "it has ended (revoked)"

  Scenario: When its engine dies a lease is lost with it
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      replicas: 2
      readyAfter: 30ms
      backoff: { delay: 50ms }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice holds a lease on "chat" by a connection
    And bob takes a lease on "chat"
    And the engine "chat/0" is killed with SIGKILL
    Then alice hears "ended" with:
      | how     | engine_lost |
      | message | chat/0 has ended by itself: SIGKILL |
    And the connection of alice ends
    And the lease of alice has ended as engine_lost
    And bob holds the lease
    When alice renews the lease
    Then it is refused with 410 lease_ended, saying "engine_lost"
    And the engine "chat/0" reaches generation 2
    And the engine "chat/0" becomes ready
    And "chat" has granted 1 of 2 slots
    And the metric 'poold_lease_ended_total{pool="chat",how="engine_lost"}' is 1

  Scenario: Three holders who say that an engine failed them take it out of service
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      replicas: 2
      slots: 3
      readyAfter: 30ms
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "pause chat/1"
    And alice takes a lease on "chat"
    And bob takes a lease on "chat"
    And carol takes a lease on "chat"
    And I run poolctl "resume chat/1"
    And alice releases the lease, as the engine has failed
    And alice releases the lease, as the engine has failed
    And bob releases the lease, as the engine has failed
    Then the engine "chat/0" has state ready
    When carol runs poolctl "lease release LEASE --token TOKEN --engine-failed"
    Then it succeeds
    And the engine "chat/0" becomes unready
    And the engine "chat/0" has reason reported
    And the message of the engine "chat/0" is like "its holders have said that it fails them; it is leased again in"
    And the pool "chat" becomes degraded
    When dave takes a lease on "chat"
    Then dave holds the lease on "chat/1"
    And the pool "chat" has activeLeases 1
    And the pool "chat" has slotsFree 2

  Scenario: A grant survives the death of the daemon, by the same token
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | ttlMs | 4000 |
    And bob takes a lease on "chat"
    And the daemon is killed with SIGKILL
    And the time that alice was given has passed
    And the daemon is started again
    Then alice holds the lease
    When alice sends POST "/v1/leases/LEASE/renew":
      """
      {"token": "TOKEN", "ttlMs": 60000}
      """
    Then the answer is 200 with:
      | ttlMs    | 60000 |
      | renewals | 1     |
    When alice sends POST "/v1/leases/LEASE/verify":
      """
      {"token": "TOKEN"}
      """
    Then the answer is 200 with:
      | holder | alice |
    And "chat" has granted 2 of 3 slots
    And the leases of "chat" are held by "alice, bob"
    When carol takes a lease on "chat"
    Then the tokens of "alice, bob, carol" rise in this order
    And the lease of carol shows:
      | slot | 2 |

  Scenario: The lease of an engine that died while no daemon was there is lost
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      replicas: 2
      readyAfter: 30ms
      backoff: { delay: 50ms }
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And bob takes a lease on "chat"
    And the daemon is killed with SIGKILL
    And meanwhile the engine "chat/0" is killed with SIGKILL
    And the daemon is started again
    Then the lease of alice has ended as engine_lost
    And bob holds the lease
    When alice renews the lease
    Then it is refused with 410 lease_ended, saying "engine_lost"
    And the engine "chat/0" reaches generation 2
    And the leases of "chat" are held by "bob"

  Scenario: How leases ended is known after a restart of the daemon
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat" with:
      | key | k-1 |
    And bob takes a lease on "chat"
    And alice releases the lease
    And bob runs poolctl "lease revoke LEASE --reason 'enough'"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the lease of alice has ended as released
    And the lease of bob has ended as revoked
    And "chat" has granted 0 of 3 slots
    When alice releases the lease once more

  Scenario: Long holders are found
    When the daemon is started
    Then the pool "chat" becomes running
    And the metric 'poold_lease_oldest_seconds{pool="chat"}' is 0
    When alice takes a lease on "chat"
    And alice has held the lease for 2000 ms
    And bob takes a lease on "chat"
    And I ask for "/v1/leases?older=2s&pool=chat"
    Then the answer is 200 with:
      | items.0.holder | alice     |
      | items.1        | undefined |
    And the metric 'poold_lease_oldest_seconds{pool="chat"}' is at least 2
    When I run poolctl "leases chat --older 2s"
    Then it succeeds
    And it prints "alice"
    When I run poolctl "leases --holder bob"
    Then it prints "bob"
    And it does not print "alice"
    When I run poolctl "leases chat --older 1h"
    Then it succeeds
    And it complains "no lease is held on chat for 1h or longer"
    When alice releases the lease
    And bob releases the lease
    Then the metric 'poold_lease_oldest_seconds{pool="chat"}' is 0

  Scenario: Whoever has the lease socket takes and gives back leases, and moves nothing else
    Given whoever takes leases may use the lease socket only
    When the daemon is started
    Then the pool "chat" becomes running
    When alice takes a lease on "chat"
    And alice sends GET "/v1/pools/chat/status"
    Then the answer is 200 with:
      | activeLeases | 1 |
    When alice renews the lease
    Then the answer is 200 with:
      | renewals | 1 |
    When alice runs poolctl "status chat"
    Then it succeeds
    When alice runs poolctl "drain chat --reason why"
    Then it exits with 8
    When alice runs poolctl "stop chat"
    Then it exits with 8
    When alice runs poolctl "pause chat"
    Then it exits with 8
    When alice runs poolctl "lease revoke LEASE"
    Then it exits with 8
    When alice sends DELETE "/v1/leases/LEASE"
    Then it is refused with 403 forbidden, saying "without its token"
    When bob takes a lease on "chat"
    And alice sends DELETE "/v1/leases/LEASE" with the token of bob
    Then it is refused with 409 stale_token
    And alice holds the lease
    And the pool "chat" has state running
    When alice runs poolctl "lease release LEASE --token TOKEN"
    Then it succeeds
    And the metric 'poold_lease_ended_total{pool="chat",how="released"}' is 1
    And "chat" has granted 1 of 3 slots

  Scenario: poolctl takes, renews and gives back
    When the daemon is started
    Then the pool "chat" becomes running
    When alice runs poolctl "lease acquire chat --holder alice --ttl 20s --key k1 --output json"
    Then it succeeds
    And its output as JSON has ttlMs = 20000
    And its output as JSON has engine.id = "chat/0"
    When alice takes note of the lease in its output
    And alice runs poolctl "lease acquire chat --holder alice --ttl 20s --key k1"
    Then it succeeds
    And it prints "chat/0#1, slot 0"
    And it prints "ttl     20s"
    And "chat" has granted 1 of 3 slots
    When alice runs poolctl "lease renew LEASE --token TOKEN --ttl 40s --output json"
    Then its output as JSON has ttlMs = 40000
    And its output as JSON has renewals = 1
    When alice runs poolctl "lease renew LEASE"
    Then it exits with 2
    And it complains "without its token"
    When alice runs poolctl "leases"
    Then it prints like "chat/0#1 +0 +alice"
    When alice runs poolctl "lease release LEASE --token TOKEN"
    Then it succeeds
    And it prints "released"
    When alice runs poolctl "lease release LEASE --token TOKEN"
    Then it succeeds
    And it prints "it had ended already, nothing to do"
    When alice runs poolctl "lease renew LEASE --token TOKEN"
    Then it exits with 7
    And it complains "it has ended (released)"

  Scenario: What is no lease, or cannot become one, is refused and changes nothing
    Given the pool "chat":
      """
      engine: { command: [ENGINES/says-signal.sh] }
      slots: 3
      readyAfter: 30ms
      leases: { ttl: 5m, ttlMax: 5m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    Then POST "/v1/pools/chat/leases" refuses each of these as an invalid_request:
      | body                              | words                          |
      | {"ttlMs": 99}                     | ttlMs                          |
      | {"ttlMs": 0}                      | ttlMs                          |
      | {"ttlMs": -1}                     | ttlMs                          |
      | {"ttlMs": 1.5e3, "waitMs": 0.5}   | waitMs                         |
      | {"ttlMs": 300001}                 | from 100 to 300000 ms          |
      | {"ttlMs": 9007199254740991}       | from 100 to 300000 ms          |
      | {"ttlMs": 1e300}                  | ttlMs                          |
      | {"ttlMs": "30s"}                  | ttlMs                          |
      | {"ttlMs": null}                   | ttlMs                          |
      | {"ttlms": 1000}                   | did you mean "ttlMs"?          |
      | {"waitMs": -1}                    | waitMs                         |
      | {"waitMs": 600001}                | waitMs                         |
      | {"priority": 10}                  | priority                       |
      | {"priority": -1}                  | priority                       |
      | {"priority": 1.5}                 | priority                       |
      | {"bind": "forever"}               | bind                           |
      | {"holder": ""}                    | holder                         |
      | {"holder": "a\u0007b"}            | holder                         |
      | {"holder": "a\ud800b"}            | holder                         |
      | []                                |                                |
      | "lease"                           |                                |
      | {                                 |                                |
    And nothing has changed
    And each of these is refused:
      | path                        | status | code             | words                         |
      | /v1/leases/l-1              | 404    | lease_not_found  | cannot find the lease l-1     |
      | /v1/leases/__proto__        | 404    | lease_not_found  | cannot find the lease         |
      | /v1/leases/a%2fb            | 400    | invalid_request  | an id is                      |
      | /v1/leases?pool=chta        | 404    | pool_not_found   | cannot find the pool chta     |
      | /v1/leases?older=long       | 400    | invalid_request  | a duration is                 |
      | /v1/leases?oldr=1s          | 400    | invalid_request  | did you mean "older"?         |
      | /v1/tickets/t-1             | 404    | ticket_not_found | cannot find the ticket t-1    |
      | /v1/pools/chta/queue        | 404    | pool_not_found   | cannot find the pool chta     |
    When alice asks for a lease on "chta"
    Then it is refused with 404 pool_not_found, saying "there are chat"
    When alice takes a lease on "chat"
    And alice sends POST "/v1/leases/LEASE/renew":
      """
      {"token": "TOKEN", "ttlMs": 300001}
      """
    Then it is refused with 400 invalid_request, saying "leases.ttlMax"
    When alice sends POST "/v1/leases/LEASE/renew":
      """
      {"token": "TOKEN", "ttlMs": -1}
      """
    Then it is refused with 400 invalid_request
    When alice sends POST "/v1/leases/LEASE/renew":
      """
      {}
      """
    Then it is refused with 400 invalid_request, saying "token"
    And alice holds the lease
    When I run poolctl "lease acquire chta"
    Then it exits with 3
    When I run poolctl "lease acquire chat --ttl 10m"
    Then it exits with 2
    And it complains "from 100 to 300000 ms"
    When I run poolctl "lease acquire chat --ttl -5s"
    Then it exits with 2
    When I run poolctl "lease acquire chat --priority 10"
    Then it exits with 2
    When I run poolctl "lease acquire chat/0"
    Then it exits with 2
    When I run poolctl "lease revoke l-1"
    Then it exits with 3
    And "chat" has granted 1 of 3 slots
