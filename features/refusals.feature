Feature: Bad input is refused with a code and a sentence, and changes nothing

  Background:
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"] }
      readyAfter: 30ms
      """

  Scenario: Names that do not exist, or are none
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    Then each of these is refused:
      | path                                      | status | code                | words                                    |
      | /v1/pools/chta                            | 404    | pool_not_found      | cannot find the pool chta: there are chat |
      | /v1/pools/chat/explain?replica=7          | 404    | engine_not_found    | the pool has 1 replica, counted from 0  |
      | /v1/pools/chat/logs?replica=1             | 404    | engine_not_found    | chat                                     |
      | /v1/operations/op-000000000000            | 404    | operation_not_found | op-000000000000                          |
      | /v1/pools/Chat                            | 400    | invalid_request     | a pool name is 1 to 63 of a-z            |
      | /v1/pools/-chat                           | 400    | invalid_request     | does not begin with "-"                  |
      | /v1/pools/__proto__                       | 400    | invalid_request     | a pool name is                           |
      | /v1/pools/constructor                     | 404    | pool_not_found      | cannot find the pool constructor         |
      | /v1/pools/chat%2f..%2fchat                | 400    | invalid_request     | a pool name is                           |
      | /v1/pools/..%2f..%2fetc%2fpasswd          | 400    | invalid_request     | a pool name is                           |
      | /v1/pools/chat%00                         | 400    | invalid_request     | a pool name is                           |
      | /v1/pools/%zz                             | 400    | invalid_request     | percent-encoding                         |
      | /v1/pools/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | 400 | invalid_request | a pool name is |
      | /v1/pools/../../etc/passwd                | 404    | not_found           | there is no such route                   |
      | /v1/pools/chat/../../secret               | 404    | not_found           | there is no such route                   |
      | /v2/pools                                 | 404    | not_found           | there is no such route                   |
      | /v1/pools/chat/ready?min=0                | 400    | invalid_request     | a whole number from 1                    |
      | /v1/pools/chat/ready?mni=1                | 400    | invalid_request     | did you mean "min"?                      |
      | /v1/pools/chat/history?since=yesterday    | 400    | invalid_request     | a date (2026-11-03T08:00:00Z)            |
      | /v1/events?type=engine.dies               | 400    | invalid_request     | no type "engine.dies"                    |
    And nothing has changed

  Scenario: What an operator mistypes
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    And I run poolctl "stop chta"
    Then it exits with 3
    And it complains "cannot find the pool chta: there are chat"
    When I run poolctl "stop chat/9"
    Then it exits with 3
    And it complains "cannot stop chat/9"
    When I run poolctl "operations op-0"
    Then it exits with 3
    When I run poolctl "stop Chat"
    Then it exits with 2
    And it complains "write POOL or POOL/N"
    When I run poolctl "stop"
    Then it exits with 2
    And it complains "write POOL, POOL/N or --all"
    When I run poolctl "scale chat many"
    Then it exits with 2
    And it complains "a whole number from 0 to 10000"
    When I run poolctl "signal chat/0 SIGNONE"
    Then it exits with 2
    When I run poolctl "reset chat --class gpu"
    Then it exits with 2
    And it complains "no class has a breaker of its own"
    When I run poolctl "status chat --timeout soon"
    Then it exits with 2
    When I run poolctl "wait chat --for happiness"
    Then it exits with 2
    And nothing has changed

  Scenario: Deadlines, variables and operations that are none
    Given the pool "chat":
      """
      engine: { command: [sleep, "${vars.time}"], vars: { time: "1000" }, settable: { time: '^\\d+$' } }
      readyAfter: 30ms
      leases: { ttl: 10m }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And I note all that poold knows
    Then POST "/v1/pools/chat/drain" refuses each of these as an invalid_request:
      | body                             | words      |
      | {"deadlineMs": -1}               | deadlineMs |
      | {"deadlineMs": 1.5}              | deadlineMs |
      | {"deadlineMs": 1e300}            | deadlineMs |
      | {"deadlineMs": 9007199254740991} | deadlineMs |
      | {"deadlineMs": "5m"}             | deadlineMs |
      | {"deadline": 5000}               | did you mean "deadlineMs"? |
      | {"extend": "yes"}                | extend     |
      | {"reason": 7}                    | reason     |
    And POST "/v1/pools/chat/reload" refuses each of these as an invalid_request:
      | body                             | words      |
      | {"deadlineMs": -1}               | deadlineMs |
      | {"strategy": "blue"}             | strategy   |
      | {"vars": {"time": 5}}            | vars       |
      | {"vars": ["time"]}               | vars       |
      | {"cutLeases": 1}                 | cutLeases  |
    When I run poolctl "drain chat --deadline -5s"
    Then it exits with 2
    When I run poolctl "drain chat --deadline 5"
    Then it exits with 2
    When I run poolctl "drain chat --deadline 999999999h"
    Then it exits with 2
    When I run poolctl "drain chat/9"
    Then it exits with 3
    When I run poolctl "resume chat/9"
    Then it exits with 3
    When I run poolctl "reload chat/0"
    Then it exits with 2
    When I run poolctl "reload chat --set tiem=5"
    Then it exits with 2
    And it complains 'there is no variable "tiem"; there are time'
    When I run poolctl "reload chat --set time=-5"
    Then it exits with 2
    And it complains "as engine.settable demands"
    When I run poolctl "reload chat --strategy blue"
    Then it exits with 2
    When I run poolctl "operations --cancel"
    Then it exits with 2
    When I run poolctl "operations op-000000000000 --cancel"
    Then it exits with 3
    And nothing has changed
    And ann holds the lease on "chat/0"

  Scenario: What is over cannot be cancelled any more
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "drain chat --reason -quick"
    Then it succeeds
    And the message of the pool "chat" is like ": -quick; poolctl resume chat starts it$"
    When I cancel the newest operation of "chat"
    Then it exits with 7
    And it complains "it is over"
    And the pool "chat" becomes drained

  Scenario: Bodies that are not what they should be
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    Then POST "/v1/pools/chat/scale" refuses each of these as an invalid_request:
      | body                                          | words                                       |
      | {"replicas": 3                                | not valid JSON                              |
      | replicas=3                                    | not valid JSON                              |
      | {"replicas": 3, "replicas": 4}                | "replicas" stands there twice               |
      | {"replicas": 3, "__proto__": {"admin": true}} | "__proto__" is never allowed                |
      | {"constructor": {"prototype": {"x": 1}}}      | "constructor" is never allowed              |
      | {"replica": 3}                                | unknown key "replica", did you mean "replicas"? |
      | {"replicas": "3"}                             | replicas                                    |
      | {"replicas": 2.5}                             | replicas                                    |
      | {"replicas": -1}                              | replicas                                    |
      | {"replicas": 1001}                            | a whole number from 0 to 1000 is needed     |
      | [3]                                           | object                                      |
      | null                                          | the body                                    |
    And nothing has changed

  Scenario: A body of another type, and one that is far too large
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    And I post to "/v1/pools/chat/scale" as "application/x-www-form-urlencoded":
      """
      replicas=3
      """
    Then it is refused with 400 invalid_request, saying "send it as Content-Type: application/json"
    When I post to "/v1/pools/chat/scale" as "text/plain":
      """
      {"replicas": 3}
      """
    Then it is refused with 400 invalid_request, saying "Content-Type: application/json"
    When I send POST "/v1/pools/chat/scale" with 10 MB of JSON
    Then it is refused with 413 too_large, saying "larger than 1048576 bytes"
    And nothing has changed
    When I send POST "/v1/pools/chat/scale":
      """
      {"replicas": 1}
      """
    Then the answer is 202

  Scenario: Methods that are not there, and what is no HTTP
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    And I send DELETE "/v1/pools/chat"
    Then it is refused with 405 method_not_allowed, saying "there is GET"
    And the answer has the header "allow" like "^GET, HEAD$"
    When I ask for "/v1/pools/chat/stop"
    Then it is refused with 405 method_not_allowed, saying "there is POST"
    And the answer has the header "allow" like "^POST$"
    When I send PUT "/health"
    Then it is refused with 405 method_not_allowed
    When I send what is no HTTP: "\x16\x03\x01 hello"
    Then it is refused with 400 invalid_request, saying "it is not valid HTTP/1.1"
    When I send what is no HTTP: "GET /v1/pools HTTP/9.9"
    Then it is refused with 400 invalid_request
    And nothing has changed

  Scenario: A client that does not finish its request is cut off, and nobody waits for it
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    And a slow client sends half a request and nothing more
    And I ask for "/health"
    Then the answer is 200
    When I run poolctl "status"
    Then it succeeds
    When the slow client is cut off
    Then it is refused with 400 invalid_request, saying "headers take at most 10 s"
    And nothing has changed

  Scenario: A web page in somebody's browser has no business here
    When the daemon is started
    And I send GET "/v1/pools" with the headers:
      | origin | https://evil.example |
    Then it is refused with 403 forbidden, saying "cannot answer requests of web pages"
    And the answer does not say "chat"

  Scenario: Over TCP nobody gets in without a token, and nobody beyond their role
    Given poold listens on TCP for the tokens:
      | id    | role    |
      | grace | read    |
      | ada   | operate |
      | root  | admin   |
    When the daemon is started
    Then the pool "chat" becomes running
    When I note all that poold knows
    And I ask over TCP for "/v1/pools"
    Then it is refused with 401 unauthorized, saying "send Authorization: Bearer TOKEN"
    And the answer has the header "www-authenticate" like "^Bearer "
    When I ask over TCP for "/v1/pools" with:
      | authorization | Bearer poold_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa |
    Then it is refused with 401 unauthorized, saying "this token is unknown or has expired"
    And the answer does not say "chat"
    When I ask over TCP for "/v1/secrets"
    Then it is refused with 401 unauthorized
    When I ask over TCP for "/health"
    Then the answer is 200
    When I ask over TCP for "/v1/pools/chat" with:
      | authorization | Bearer TOKEN(grace) |
    Then the answer is 200 with:
      | pool | chat |
    When I send over TCP POST "/v1/pools/chat/stop" with:
      | authorization | Bearer TOKEN(grace) |
    Then it is refused with 403 forbidden, saying "with the role read: it takes operate"
    When I send over TCP POST "/v1/shutdown" with:
      | authorization | Bearer TOKEN(ada) |
    Then it is refused with 403 forbidden, saying "with the role operate: it takes admin"
    When I run poolctl over TCP with the token of grace: "stop chat"
    Then it exits with 8
    And nothing has changed
    When I run poolctl over TCP with the token of ada: "stop chat --reason night"
    Then it succeeds
    And the pool "chat" becomes stopped
    And the message of the pool "chat" is like "^stopped by ada at .*: night$"

  Scenario: Over TCP only names that are ours are answered for
    Given poold listens on TCP for the tokens:
      | id    | role |
      | grace | read |
    When the daemon is started
    And I ask over TCP for "/v1/pools" with:
      | authorization | Bearer TOKEN(grace) |
      | host          | evil.example        |
    Then it is refused with 403 forbidden, saying 'the host "evil.example"'
    And the answer does not say "chat"
    When I ask over TCP for "/v1/pools" with:
      | authorization | Bearer TOKEN(grace)  |
      | origin        | http://127.0.0.1:80  |
    Then it is refused with 403 forbidden, saying "cannot answer requests of web pages"
    When I ask over TCP for "/v1/pools" with:
      | authorization | Bearer TOKEN(grace) |
      | host          | gpu1.internal:9200  |
    Then the answer is 200

  Scenario: A door for scrapes has metrics and health, and nothing else
    Given poold listens for scrapes of its metrics
    When the daemon is started
    Then the pool "chat" becomes running
    When I ask the door for metrics for "/metrics"
    Then the answer is 200
    And the answer has the header "content-type" like "^text/plain; version=0.0.4"
    When I ask the door for metrics for "/health"
    Then the answer is 200 with:
      | status | ok |
    When I ask the door for metrics for "/v1/pools"
    Then it is refused with 404 not_found
    And the answer does not say "chat"
    When I ask the door for metrics for "/ready"
    Then it is refused with 404 not_found
    When I ask the door for metrics for "/openapi.json"
    Then it is refused with 404 not_found

  Scenario: Plain TCP beyond this host is refused at the start
    Given beside the pools the configuration says:
      """
      listen: { tcp: { host: 0.0.0.0, port: 19999, tokensFile: DIR/tokens } }
      """
    When the daemon is started
    Then the daemon has ended with code 2
    And it complains "listen.tcp.host: cannot open TCP on 0.0.0.0 without tls"
    And the file "state/poold.db" is gone

  Scenario: A wrong configuration tells all its problems at once, and nothing is started
    Given the file "bad.yaml":
      """
      listen:
        tcp: { port: 70000 }
      pools:
        Chat:
          engine: { command: [sleep, "1000"] }
        one:
          engin: { command: [sleep, "1000"] }
        two:
          engine: { command: "sleep 1000", port: 8080 }
          replicas: 2
          backoff: { delay: 5 minutes }
        three:
          engine: { command: [sleep, "${vars.time}"] }
          replicas: -1
          restart: sometimes
      """
    When I run poold "run --config DIR/bad.yaml --state-dir DIR/state --runtime-dir DIR/run"
    Then it exits with 2
    And it complains of these places and no others:
      | bad.yaml:2:3   | listen.tcp.tokensFile         |
      | bad.yaml:2:16  | listen.tcp.port               |
      | bad.yaml:4:3   | pools.Chat                    |
      | bad.yaml:6:3   | pools.one.engine.command      |
      | bad.yaml:7:5   | pools.one.engin               |
      | bad.yaml:9:24  | pools.two.engine.command      |
      | bad.yaml:9:44  | pools.two.engine.port         |
      | bad.yaml:11:23 | pools.two.backoff.delay       |
      | bad.yaml:13:32 | pools.three.engine.command[1] |
      | bad.yaml:14:15 | pools.three.replicas          |
      | bad.yaml:15:14 | pools.three.restart           |
    And it complains 'did you mean "engine"?'
    And the file "state" is gone

  Scenario: Without a daemon poolctl says so
    When I run poolctl "status"
    Then it exits with 6
    And it complains "cannot reach poold at DIR/run/api.sock: nothing is there; start it with poold run"
    When the daemon is started
    And the daemon is killed with SIGKILL
    And I run poolctl "stop chat"
    Then it exits with 6
    And it complains "nobody listens there"
