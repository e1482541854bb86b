Feature: Reloading: new engines prove themselves before the old ones go

  Background: nobody renews a lease here
    Given beside the pools the configuration says:
      """
      defaults: { leases: { ttl: 10m } }
      """
    And the file "a" is made
    And the pool "chat":
      """
      engine:
        command: [ENGINES/loads-model.sh, "DIR/${vars.model}", "DIR/${vars.model}-over"]
        version: v1
        vars: { model: a }
        settable: { model: '^[-a-z]+$' }
      slots: 2
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms }
      drain: { deadline: 5m }
      """

  Scenario: Blue-green: the new ones load beside the old, one commit, then the old are drained
    Given the pool "chat":
      """
      engine:
        command: [ENGINES/loads-model.sh, "DIR/${vars.model}"]
        version: v1
        vars: { model: a }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And I note the newest cursor
    And I follow the events of "chat" from there
    And I begin poolctl "reload chat --version v2 --set model=b --deadline 5m --reason 'better model'"
    Then the engines of "chat" become:
      | id     | role      | generation | state    | version |
      | chat/0 | serving   | 1          | ready    | v1      |
      | chat/0 | candidate | 2          | starting | v2      |
      | chat/1 | serving   | 1          | ready    | v1      |
      | chat/1 | candidate | 2          | starting | v2      |
    And the status of "chat" shows:
      | state         | reloading                          |
      | ready         | true                               |
      | reason        | reload                             |
      | message       | /^reload \(blue-green\), 0 of 2 replaced; / |
      | engineVersion | v1                                 |
    When bob takes a lease on "chat"
    Then bob holds the lease on "chat/1"
    When the file "b" is made
    Then the engines of "chat" become:
      | id     | role     | generation | state    | version | activeLeases |
      | chat/0 | serving  | 2          | ready    | v2      | 0            |
      | chat/0 | retiring | 1          | draining | v1      | 1            |
      | chat/1 | serving  | 2          | ready    | v2      | 0            |
      | chat/1 | retiring | 1          | draining | v1      | 1            |
    And the status of "chat" shows:
      | engineVersion | v2 |
    And the file "run/engines/chat-0.json" becomes JSON with generation 2
    And the file "run/engines/chat-0.json" becomes JSON with version v2
    And the file "run/engines/chat-0.pid" holds the pid of "chat/0"
    And ann holds the lease on "chat/0"
    When ann renews the lease
    Then the answer is 200 with:
      | draining | true |
    When cid takes a lease on "chat"
    Then cid holds the lease on "chat/0"
    When cid renews the lease
    Then the answer is 200 with:
      | draining | false |
    When ann releases the lease
    And bob releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "reload chat: reloaded"
    And I am told in this order:
      | reload.started  |        | strategy  | blue-green |
      | engine.starting | chat/0 | cause     | candidate  |
      | engine.starting | chat/1 | cause     | candidate  |
      | reload.step     | chat/0 | step      | serving    |
      | reload.step     | chat/1 | step      | serving    |
      | reload.step     |        | step      | committed  |
      | lease.released  | chat/0 | holder    | ann        |
      | reload.finished |        | outcome   | reloaded   |
    And I am told in this order:
      | engine.ready | chat/0 |      |           |
      | reload.step  | chat/0 | step | serving   |
      | reload.step  |        | step | committed |
    And I am told in this order:
      | engine.ready | chat/1 |      |           |
      | reload.step  | chat/1 | step | serving   |
      | reload.step  |        | step | committed |
    And the newest operation of "chat" comes to be:
      | kind    | reload       |
      | state   | succeeded    |
      | outcome | reloaded     |
      | reason  | better model |
    And the engines of "chat" become:
      | id     | role    | generation | state |
      | chat/0 | serving | 2          | ready |
      | chat/1 | serving | 2          | ready |
    And cid holds the lease on "chat/0"
    And the engine "chat/0" consists of 1 process
    And the pool "chat" becomes running
    And the pool "chat" has restartCount 0
    And the pool "chat" has crashCount 0
    And the file "run/engines/chat-0.json" exists
    And the metric 'poold_reload_success_total{pool="chat"}' is 1
    And the metric 'poold_reload_duration_seconds_count{pool="chat"}' is 1

  Scenario: Behind the commit of blue-green the old are cut at their deadline
    Given the file "b" is made
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "reload chat --set model=b --deadline 400ms"
    Then it exits with 4
    And it prints "reload chat: forced"
    And the lease of ann has ended as forced, saying "its deadline has come"
    And the engines of "chat" become:
      | role    | generation | state |
      | serving | 2          | ready |
    And the engine "chat/0" writes "loaded b"
    And the metric 'poold_reload_success_total{pool="chat"}' is 1

  Scenario: Where the port is fixed the old one goes before the new one comes
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], port: PORT1, version: v1 }
      probes: { startup: { httpGet: { path: /health }, period: 50ms } }
      reload: { soak: 50ms }
      drain: { deadline: 5m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the url of "chat/0"
    And ann takes a lease on "chat"
    And I note the newest cursor
    And I follow the events of "chat" from there
    And I begin poolctl "reload chat --version v2"
    Then the engine "chat/0" becomes draining
    And the message of the engine "chat/0" is like "^1 lease is held; ends when nobody uses it any more, in .* at the latest: then the reload is called off$"
    And the pool "chat" becomes reloading
    When bob waits for a lease on "chat"
    And ann releases the lease
    Then bob gets a lease on "chat/0"
    And the running poolctl ends with code 0
    And I am told in this order:
      | reload.started  |        | strategy | rolling   |
      | lease.released  | chat/0 | holder   | ann       |
      | engine.exited   | chat/0 | class    | requested |
      | engine.starting | chat/0 | cause    | candidate |
      | reload.finished |        | outcome  | reloaded  |
      | lease.granted   | chat/0 | holder   | bob       |
    And the daemon says "maxSurge is 0: its port is fixed, so the old engine goes before the new one comes"
    And the url of "chat/0" is still the same
    And the engine "chat/0" has version v2
    And the engine "chat/0" has generation 2
    When I run poolctl "reload chat --version v3 --strategy blue-green"
    Then it exits with 2
    And it complains "cannot reload chat: blue-green needs room for all new engines beside the old ones"

  Scenario: Devices stay with their replica
    Given the pool "chat":
      """
      engine: { command: [sleep, "1000"], devices: ["6", "7"], requireGpu: false, version: v1 }
      replicas: 2
      readyAfter: 50ms
      reload: { soak: 50ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I run poolctl "reload chat --version v2"
    Then it succeeds
    And the engines of "chat" become:
      | id     | generation | device | version | state |
      | chat/0 | 2          | 6      | v2      | ready |
      | chat/1 | 2          | 7      | v2      | ready |
    And the daemon logs in this order:
      | reload.started | chat   |
      | engine.exited  | chat/0 |
      | engine.ready   | chat/0 |
      | engine.exited  | chat/1 |
      | engine.ready   | chat/1 |
    And the daemon says "maxSurge is 0: its devices are taken, so the old engine goes before the new one comes"

  Scenario: Recreate: all of the old go, and meanwhile new requests wait instead of being refused
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I begin poolctl "reload chat --set model=b --strategy recreate"
    Then the candidate of "chat/0" becomes starting
    And the daemon logs in this order:
      | reload.started  | chat   |
      | engine.exited   | chat/0 |
      | engine.starting | chat/0 |
    When ann waits for a lease on "chat"
    And the file "b" is made
    Then ann gets a lease on "chat/0"
    And the running poolctl ends with code 0
    And the engines of "chat" become:
      | role    | generation | state |
      | serving | 2          | ready |

  Scenario: A new engine that never gets ready changes nothing
    Given the pool "chat":
      """
      engine: { command: [ENGINES/loads-model.sh, "DIR/${vars.model}"], version: v1, vars: { model: a } }
      startTimeout: 1s
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms }
      breaker: { failureThreshold: 1 }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And ann takes a lease on "chat"
    And I run poolctl "reload chat --version v2 --set model=b"
    Then it exits with 1
    And it complains "reload chat: rolled_back: cannot reload chat: the new chat/0 failed: "
    And the newest operation of "chat" comes to be:
      | state      | failed        |
      | outcome    | rolled_back   |
      | error.code | start_timeout |
    And the engines of "chat" become:
      | role    | generation | state | version | failures | breaker |
      | serving | 1          | ready | v1      | 0        | closed  |
    And the pid of "chat/0" is still the same
    And ann holds the lease on "chat/0"
    When ann renews the lease
    Then the answer is 200 with:
      | draining | false |
    And the status of "chat" shows:
      | state            | running |
      | engineVersion    | v1      |
      | overrides.length | 0       |
      | lastError        | /^the new chat\/0 failed: / |
    And the engine "chat/0" consists of 1 process
    And the file "run/engines/chat-0.json" becomes JSON with generation 1
    And the daemon logs "reload.rolled_back" for "chat" with:
      | level  | error         |
      | reason | start_timeout |
    And the metric 'poold_reload_failure_total{pool="chat",reason="start_timeout"}' is 1
    And the metric 'poold_reload_success_total{pool="chat"}' is 0
    And the metric 'poold_reload_duration_seconds_count{pool="chat"}' is 1

  Scenario: A new engine that crashes changes nothing, and what it wrote can be read
    Given the file "bad":
      """
      3
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "reload chat --set model=bad"
    Then it exits with 1
    And it complains "the new chat/0 failed: ended with exit code 3 before it was ready: bad is broken"
    And the newest operation of "chat" comes to be:
      | outcome    | rolled_back   |
      | error.code | reload_failed |
    And the pid of "chat/0" is still the same
    And the engine "chat/0" has failures 0
    When I run poolctl "logs chat/0 --generation 2"
    Then it prints "bad is broken"
    And it does not print "loaded a"
    When I run poolctl "logs chat/0 --generation 1"
    Then it prints "loaded a"
    And it does not print "bad is broken"

  Scenario: A new engine that is ready and does not stay so changes nothing
    Given the file "b" is made
    And the file "b-over" is made
    And the pool "chat":
      """
      engine:
        command: [ENGINES/loads-model.sh, "DIR/${vars.model}", "DIR/${vars.model}-over"]
        vars: { model: a }
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 1m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "reload chat --set model=b"
    Then it exits with 1
    And it complains "the new chat/0 failed: ended with exit code 1"
    And the daemon has logged "engine.exited" for "chat/0" 1 time
    And the pid of "chat/0" is still the same
    And the pool "chat" becomes running

  Scenario: A new engine whose readiness fails during its soak changes nothing
    Given the pool "chat":
      """
      engine: { command: [node, ENGINES/http-engine.mjs, "${port}"], version: v1 }
      probes:
        startup: { httpGet: { path: /health }, period: 50ms }
        readiness: { httpGet: { path: /health }, period: 50ms, failureThreshold: 1 }
      reload: { soak: 1m }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I begin poolctl "reload chat --version v2"
    Then the candidate of "chat/0" becomes ready
    When the candidate of "chat/0" is told "status=503"
    Then the running poolctl ends with code 1
    And the running poolctl complains "the new chat/0 was ready and did not stay so"
    And the newest operation of "chat" comes to be:
      | outcome    | rolled_back         |
      | error.code | health_check_failed |
    And the pid of "chat/0" is still the same
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 1          | v1      | ready |

  Scenario: What is new is prepared once, while the old one serves on
    Given the file "fetched-a" is made
    And the pool "chat":
      """
      engine:
        command: [sleep, "1000"]
        prepare: { command: [sh, -c, 'echo "$1" >> DIR/fetches; until test -e "DIR/fetched-$1"; do sleep 0.02; done', sh, "${vars.model}"] }
        vars: { model: a }
      replicas: 2
      readyAfter: 50ms
      reload: { soak: 50ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    And the file "fetches" has 1 line
    When I begin poolctl "reload chat --set model=b --strategy recreate"
    Then the file "fetches" comes to 2 lines
    And the pool "chat" becomes reloading
    And the engines of "chat" become:
      | role    | generation | state |
      | serving | 1          | ready |
      | serving | 1          | ready |
    When ann takes a lease on "chat"
    Then ann holds the lease on "chat/0"
    When ann renews the lease
    Then the answer is 200 with:
      | draining | false |
    When the file "fetched-b" is made
    And ann releases the lease
    Then the running poolctl ends with code 0
    And the engines of "chat" become:
      | role    | generation | state |
      | serving | 2          | ready |
      | serving | 2          | ready |
    And the file "fetches" has 2 lines

  Scenario: What cannot be prepared is not even started
    Given the pool "chat":
      """
      engine:
        command: [ENGINES/loads-model.sh, "DIR/${vars.model}"]
        prepare: { command: [sh, -c, 'test -e "DIR/${vars.model}" || { echo no such model; exit 4; }'] }
        vars: { model: a }
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "reload chat --set model=b"
    Then it exits with 1
    And it complains "no such model"
    And the newest operation of "chat" comes to be:
      | outcome    | rolled_back   |
      | error.code | reload_failed |
    And the daemon has logged "engine.starting" for "chat/0" 1 time
    And the pid of "chat/0" is still the same
    And the pool "chat" becomes running

  Scenario: A command that cannot be executed changes nothing
    Given the file "good.sh":
      """
      #!/bin/sh
      exec sleep 1000
      """
    And the file "good.sh" may be executed
    And the pool "chat":
      """
      engine: { command: ["DIR/${vars.binary}"], vars: { binary: good.sh } }
      readyAfter: 50ms
      reload: { soak: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "reload chat --set binary=missing.sh"
    Then it exits with 1
    And it complains "missing.sh"
    And the newest operation of "chat" comes to be:
      | outcome    | rolled_back   |
      | error.code | reload_failed |
    And the pid of "chat/0" is still the same
    And the pool "chat" becomes running

  Scenario: Where the old one had to go first, it comes back
    Given the file "bad":
      """
      3
      """
    And the pool "chat":
      """
      engine: { command: [ENGINES/loads-model.sh, "DIR/${vars.model}"], version: v1, vars: { model: a } }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms, strategy: rolling, maxSurge: 0, maxUnavailable: 1 }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I note the pid of "chat/1"
    And I run poolctl "reload chat --version v2 --set model=bad"
    Then it exits with 1
    And it prints nothing
    And it complains "going back: the new chat/0 failed" once
    And the engines of "chat" become:
      | id     | role    | generation | version | state |
      | chat/0 | serving | 3          | v1      | ready |
      | chat/1 | serving | 1          | v1      | ready |
    And the pid of "chat/1" is still the same
    And the pool "chat" becomes running
    And the pool "chat" has restartCount 0
    And the breaker of "chat" becomes closed

  Scenario: What was replaced already goes back too, in reverse
    Given the file "b" is made
    And the pool "chat":
      """
      engine:
        command: [ENGINES/one-that-breaks.sh, "${vars.model}"]
        version: v1
        vars: { model: a }
      replicas: 3
      readyAfter: 100ms
      reload: { soak: 50ms, strategy: rolling, maxSurge: 0, maxUnavailable: 1 }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When I note the pid of "chat/2"
    And I run poolctl "reload chat --version v2 --set model=breaks-1"
    Then it exits with 1
    And the engines of "chat" become:
      | id     | role    | generation | version | state |
      | chat/0 | serving | 3          | v1      | ready |
      | chat/1 | serving | 3          | v1      | ready |
      | chat/2 | serving | 1          | v1      | ready |
    And the pid of "chat/2" is still the same
    And the pool "chat" becomes running

  Scenario: The same once more does nothing, unless it is told to
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "reload chat"
    Then it succeeds
    And it prints "reload chat: unchanged"
    And the engine "chat/0" has generation 1
    When I run poolctl "reload chat --version v1 --set model=a"
    Then it succeeds
    And it prints "reload chat: unchanged"
    And the engine "chat/0" has generation 1
    When I run poolctl "reload chat --same"
    Then it succeeds
    And it prints "reload chat: reloaded"
    And the engine "chat/0" has generation 2

  Scenario: Another file in the place of the executable is a change
    Given the file "engine.sh":
      """
      #!/bin/sh
      echo old; exec sleep 1000
      """
    And the file "engine.sh" may be executed
    And the pool "chat":
      """
      engine: { command: [DIR/engine.sh] }
      readyAfter: 50ms
      reload: { soak: 50ms }
      """
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "reload chat"
    Then it prints "reload chat: unchanged"
    When the file "engine.sh" is removed
    And the file "engine.sh":
      """
      #!/bin/sh
      echo newer; exec sleep 1000
      """
    And the file "engine.sh" may be executed
    And I run poolctl "reload chat"
    Then it succeeds
    And it prints "reload chat: reloaded"
    And the engine "chat/0" has generation 2
    And the engine "chat/0" writes "newer"
    When I run poolctl "reload chat"
    Then it prints "reload chat: unchanged"

  Scenario: What is set has to exist, to be allowed and to fit
    Given poold listens on TCP for the tokens:
      | id   | role    |
      | ops  | operate |
      | root | admin   |
    And the pool "chat":
      """
      engine:
        command: [ENGINES/loads-model.sh, "DIR/${vars.model}", "DIR/${vars.end}"]
        vars: { model: a, end: end }
        settable: { model: '^[-a-z]+$' }
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms }
      """
    And the file "-b" is made
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "reload chat --set modle=b"
    Then it exits with 2
    And it complains 'there is no variable "modle"; there are model, end'
    When I run poolctl "reload chat --set model"
    Then it exits with 2
    And it complains "write --set NAME=VALUE"
    When I run poolctl "reload chat --set model=/etc/passwd"
    Then it exits with 2
    And it complains "does not match ^[-a-z]+$, as engine.settable demands"
    When I run poolctl over TCP with the token of ops: "reload chat --set end=other"
    Then it exits with 8
    And it complains "end is not settable: setting it takes the role admin"
    And the engine "chat/0" has generation 1
    When I run poolctl over TCP with the token of ops: "reload chat --set model=-b"
    Then it succeeds
    And the engine "chat/0" has generation 2
    And the process of "chat/0" has the arguments "DIR/-b DIR/end"
    When I run poolctl over TCP with the token of root: "reload chat --set end=other"
    Then it succeeds
    And the process of "chat/0" has the arguments "DIR/-b DIR/other"
    And the status of "chat" shows:
      | overrides.0.key | engine.vars.model |
      | overrides.0.by  | ops               |
      | overrides.1.key | engine.vars.end   |
      | overrides.1.by  | root              |

  Scenario: What was set is shown beside the file's word, kept, and dropped when the file changes it
    Given the file "b" is made
    And the file "c" is made
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "reload chat --version v2 --set model=b --reason 'better model'"
    Then it succeeds
    And the status of "chat" shows:
      | overrides.0.key       | engine.version    |
      | overrides.0.value     | v2                |
      | overrides.0.fileValue | v1                |
      | overrides.0.reason    | better model      |
      | overrides.1.key       | engine.vars.model |
      | overrides.1.value     | b                 |
      | overrides.1.fileValue | a                 |
      | overrides.1.by        | /^.+@notty \(claimed\)$/ |
    When I note the pid of "chat/0"
    And the daemon is killed with SIGKILL
    And the daemon is started again
    Then the status of "chat" shows:
      | engineVersion         | v2                |
      | overrides.length      | 2                 |
      | overrides.1.value     | b                 |
      | engines.0.outdated    | false             |
    And the pid of "chat/0" is still the same
    When the daemon is killed with SIGKILL
    And the pool "chat":
      """
      engine:
        command: [ENGINES/loads-model.sh, "DIR/${vars.model}", "DIR/${vars.model}-over"]
        version: v1
        vars: { model: c }
        settable: { model: '^[-a-z]+$' }
      slots: 2
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms }
      drain: { deadline: 5m }
      """
    And the daemon is started again
    Then the status of "chat" shows:
      | engineVersion      | v2             |
      | overrides.length   | 1              |
      | overrides.0.key    | engine.version |
      | engines.0.outdated | true           |
    And the pid of "chat/0" is still the same
    When I run poolctl "reload chat"
    Then it succeeds
    And it prints "reload chat: reloaded"
    And the process of "chat/0" has the arguments "DIR/c DIR/c-over"

  Scenario: A dry run says what would happen, and does nothing
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I note all that poold knows
    And I run poolctl "reload chat --version v2 --set model=b --dry-run"
    Then it succeeds
    And it prints "reload chat: would replace 1 engine, blue-green"
    And it prints 'engine.version: "v1" -> "v2"'
    And it prints 'engine.vars.model: "a" -> "b"'
    And it prints "engines  chat/0"
    And it prints like "lease +l-\S+ on chat/0 by ann, held for"
    When I run poolctl "reload chat --dry-run"
    Then it prints "reload chat: would do nothing: same spec and same executable"
    When I run poolctl "reload chat --set nothing=b --dry-run"
    Then it exits with 2
    And nothing has changed

  Scenario: A drain that runs out before the commit calls the reload off, and the original serves on
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And ann takes a lease on "chat"
    And I run poolctl "reload chat --version v2 --strategy recreate --deadline 400ms"
    Then it exits with 1
    And it complains "chat/0 was still in use at the deadline of its drain: leases are held by ann; --cut-leases would have cut them"
    And the newest operation of "chat" comes to be:
      | outcome    | rolled_back   |
      | error.code | drain_timeout |
    And the pid of "chat/0" is still the same
    When ann renews the lease
    Then the answer is 200 with:
      | draining   | false |
      | deadlineAt | null  |
    And the pool "chat" becomes running
    And the engine "chat/0" has version v1
    And the daemon has logged "engine.starting" for "chat/0" 1 time
    When bob takes a lease on "chat"
    Then bob holds the lease on "chat/0"
    And the metric 'poold_reload_failure_total{pool="chat",reason="drain_timeout"}' is 1

  Scenario: --cut-leases takes them away at the deadline instead
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "reload chat --version v2 --strategy recreate --deadline 400ms --cut-leases"
    Then it exits with 4
    And it prints "reload chat: forced"
    And it complains "cut ann, who had held chat/0 for"
    And the lease of ann has ended as forced, saying "its deadline has come"
    And nothing of "chat" was cut before the deadline
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 2          | v2      | ready |

  Scenario: A restart is a reload of the same spec
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I begin poolctl "restart chat --reason 'it leaks'"
    Then the engines of "chat" become:
      | role     | generation | version | state    | activeLeases |
      | serving  | 2          | v1      | ready    | 0            |
      | retiring | 1          | v1      | draining | 1            |
    And ann holds the lease on "chat/0"
    When ann releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "restart chat: restarted"
    And the newest operation of "chat" comes to be:
      | kind    | restart   |
      | outcome | restarted |
    And the pool "chat" has overrides.length 0
    And the pool "chat" has restartCount 0

  Scenario: A restart --now cuts
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "restart chat --now"
    Then the lease of ann has ended as revoked, saying "chat/0"
    And the engines of "chat" become:
      | role    | generation | state |
      | serving | 2          | ready |

  Scenario: A reload of a stopped pool is recorded, and the next start goes by it
    Given the file "b" is made
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "stop chat"
    And I run poolctl "reload chat --version v2 --set model=b"
    Then it succeeds
    And it prints "reload chat: recorded"
    And the pool "chat" becomes stopped
    And the daemon has logged "engine.starting" for "chat/0" 1 time
    When I run poolctl "start chat"
    Then it succeeds
    And the engine "chat/0" has version v2
    And the engine "chat/0" writes "loaded b"

  Scenario: A reload revives a pool that has failed
    Given the file "bad":
      """
      3
      """
    And the pool "chat":
      """
      engine: { command: [ENGINES/loads-model.sh, "DIR/${vars.model}"], vars: { model: bad } }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms }
      backoff: { delay: 20ms, limit: 20ms }
      breaker: { failureThreshold: 2, openFor: 1h }
      """
    When the daemon is started
    Then the breaker of "chat" becomes open
    And the pool "chat" becomes failed
    When I run poolctl "reload chat --set model=a"
    Then it succeeds
    And it prints "reload chat: reloaded"
    And the pool "chat" becomes running
    And the engines of "chat" become:
      | state | breaker | failures |
      | ready | closed  | 0        |
      | ready | closed  | 0        |
    And the breaker of "chat" becomes closed

  Scenario: Of reloads that wait the newest one is left
    Given the file "c" is made
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "reload chat --version v2 --set model=b --no-wait"
    Then the candidate of "chat/0" becomes starting
    When I begin poolctl "reload chat --version v3"
    Then the newest operation of "chat" comes to be:
      | kind  | reload |
      | state | queued |
    When I run poolctl "reload chat --version v4 --set model=c --no-wait"
    Then the running poolctl ends with code 7
    And the running poolctl complains "reload chat: superseded"
    And the engine "chat/0" has version v1
    When the file "b" is made
    Then the newest operation of "chat" comes to be:
      | state   | succeeded |
      | outcome | reloaded  |
    And the engine "chat/0" has version v4
    And the engine "chat/0" has generation 3
    And the process of "chat/0" has the arguments "DIR/c DIR/c-over"

  Scenario: A reload that is cancelled goes back
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I begin poolctl "reload chat --version v2 --set model=b"
    Then the candidate of "chat/0" becomes starting
    When I cancel the running operation of "chat"
    Then it succeeds
    And the running poolctl ends with code 7
    And the newest operation of "chat" comes to be:
      | state   | cancelled |
      | outcome | cancelled |
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 1          | v1      | ready |
    And the pid of "chat/0" is still the same
    And the engine "chat/0" consists of 1 process
    And the pool "chat" becomes running
    And the pool "chat" has overrides.length 0

  Scenario: A drain takes a reload back first
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I begin poolctl "reload chat --version v2 --set model=b"
    Then the candidate of "chat/0" becomes starting
    When I run poolctl "drain chat --deadline 5m --no-wait"
    Then the running poolctl ends with code 7
    And the running poolctl complains "reload chat: cancelled"
    And the engines of "chat" become:
      | role    | generation | state    | activeLeases |
      | serving | 1          | draining | 1            |
    When ann releases the lease
    Then the pool "chat" becomes drained
    And nothing is left of the engine "chat/0"
    When I run poolctl "resume chat"
    Then it succeeds
    And the engine "chat/0" has version v1

  Scenario: A drain of one engine takes a reload back first too, and leaves the others alone
    Given the pool "chat":
      """
      engine: { command: [ENGINES/loads-model.sh, "DIR/${vars.model}"], version: v1, vars: { model: a } }
      replicas: 2
      probes: { startup: { logLine: { pattern: "^loaded" } } }
      reload: { soak: 50ms }
      """
    When the daemon is started
    Then the pool "chat" becomes running
    When ann takes a lease on "chat"
    And bob takes a lease on "chat"
    And I begin poolctl "reload chat --version v2 --set model=b"
    Then the candidate of "chat/1" becomes starting
    When I run poolctl "drain chat/0 --deadline 5m --no-wait --reason 'it hums'"
    Then the running poolctl ends with code 7
    And the running poolctl complains "reload chat: cancelled"
    And the engines of "chat" become:
      | id     | role    | generation | version | state    | activeLeases |
      | chat/0 | serving | 1          | v1      | draining | 1            |
      | chat/1 | serving | 1          | v1      | ready    | 1            |
    And bob holds the lease on "chat/1"
    When ann releases the lease
    Then the newest operation of "chat" comes to be:
      | kind    | drain   |
      | outcome | drained |
    And the status of "chat" shows:
      | state            | degraded |
      | engineVersion    | v1       |
      | engines.0.state  | stopped  |
      | engines.0.reason | drained  |
      | overrides.length | 1        |
    And nothing is left of the engine "chat/0"
    And the engine "chat/1" consists of 1 process

  Scenario: A stop takes a reload back first
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I begin poolctl "reload chat --version v2 --set model=b"
    Then the candidate of "chat/0" becomes starting
    When I run poolctl "stop chat"
    Then it succeeds
    And the running poolctl ends with code 7
    And the running poolctl complains "reload chat: cancelled"
    And the pool "chat" becomes stopped
    And nothing is left of the engine "chat/0"
    When I run poolctl "start chat"
    Then it succeeds
    And the engine "chat/0" has version v1

  Scenario: A reload during a drain waits for its end
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "drain chat --deadline 5m --no-wait"
    And I begin poolctl "reload chat --version v2"
    Then the newest operation of "chat" comes to be:
      | kind  | reload |
      | state | queued |
    When ann releases the lease
    Then the running poolctl ends with code 0
    And the running poolctl prints "reload chat: recorded"
    And the pool "chat" becomes drained
    When I run poolctl "resume chat"
    Then the engine "chat/0" has version v2

  Scenario: A scale during a reload acts behind it
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I run poolctl "reload chat --version v2 --set model=b --no-wait"
    Then the candidate of "chat/0" becomes starting
    When I begin poolctl "scale chat 2"
    Then the newest operation of "chat" comes to be:
      | kind  | scale  |
      | state | queued |
    When the file "b" is made
    Then the running poolctl ends with code 0
    And the engines of "chat" become:
      | id     | generation | version | state |
      | chat/0 | 2          | v2      | ready |
      | chat/1 | 1          | v2      | ready |

  Scenario: An old engine that dies during a reload is started again by the old spec
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I begin poolctl "reload chat --version v2 --set model=b"
    Then the candidate of "chat/0" becomes starting
    When the engine "chat/0" is killed with SIGKILL
    Then the engines of "chat" become:
      | role      | generation | version | state    |
      | serving   | 3          | v1      | ready    |
      | candidate | 2          | v2      | starting |
    When the file "b" is made
    Then the running poolctl ends with code 0
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 2          | v2      | ready |

  Scenario: A reload goes on over the death of the daemon where its new engines live
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When ann takes a lease on "chat"
    And I run poolctl "reload chat --version v2 --set model=b --no-wait"
    Then the candidate of "chat/0" becomes starting
    And the engine "chat/0" consists of 2 processes
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then the engines of "chat" become:
      | role      | generation | version | state    |
      | serving   | 1          | v1      | ready    |
      | candidate | 2          | v2      | starting |
    And ann holds the lease on "chat/0"
    When the file "b" is made
    Then the engines of "chat" become:
      | role     | generation | version | state    |
      | serving  | 2          | v2      | ready    |
      | retiring | 1          | v1      | draining |
    When the daemon is killed with SIGKILL
    And the daemon is started again
    Then ann holds the lease on "chat/0"
    When ann releases the lease
    Then the newest operation of "chat" comes to be:
      | kind    | reload   |
      | outcome | reloaded |
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 2          | v2      | ready |
    And the file "run/engines/chat-0.json" becomes JSON with generation 2

  Scenario: A reload whose new engine died with the daemon goes back, and says so
    When the daemon is started
    Then the engine "chat/0" becomes ready
    When I note the pid of "chat/0"
    And I run poolctl "reload chat --version v2 --set model=b --no-wait"
    Then the candidate of "chat/0" becomes starting
    When the candidate of "chat/0" is killed after the daemon
    And the daemon is started again
    Then the newest operation of "chat" comes to be:
      | kind          | reload      |
      | outcome       | rolled_back |
      | error.message | /^cannot reload chat: the new chat\/0 failed: / |
    And the engines of "chat" become:
      | role    | generation | version | state |
      | serving | 1          | v1      | ready |
    And the pid of "chat/0" is still the same
    And the pool "chat" becomes running

  Scenario: Drained, resumed and reloaded, again and again
    Given the file "b" is made
    When the daemon is started
    Then the engine "chat/0" becomes ready
    And these cycles of drain, resume and reload go well on "chat":
      | model | generation |
      | b     | 3          |
      | a     | 5          |
      | b     | 7          |
    And the engine "chat/0" consists of 1 process
    And the pool "chat" has crashCount 0
    And the pool "chat" has restartCount 0
    And the metric 'poold_reload_success_total{pool="chat"}' is 3
    And the metric 'poold_drain_forced_total{pool="chat"}' is 0
    And the file "run/engines/chat-0.json" becomes JSON with generation 7
