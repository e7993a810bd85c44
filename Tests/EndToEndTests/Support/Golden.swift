/// Entries, and what `logs query --utc` makes of them on a terminal. `␛` is ESC, `<RLO>` U+202E, `<LS>` U+2028.
enum Golden {
  static let entries: [(stream: String, lines: String)] = [
    (
      "web",
      #"""
      {"time":"2026-01-10T12:00:00.123456789Z","level":"info","logger":"api","msg":"started","port":\#
      8080,"id":9007199254740993}
      {"time":"2026-01-10T12:00:01Z","level":"notice","logger":"api","msg":"größe 漢字 e\u0301 \ud83d\\#
      udc4d \u202e bidi\u2028"}
      {"time":"2026-01-10T12:00:02Z","level":"error","logger":"db","msg":"failed\n  at a.swift:1","u\#
      ser":{"name":"Bob, \"B\""}}
      {"time":"2026-01-10T12:00:03Z","PRIORITY":"2","msg":"disk","free":null,"list":[1,"a b"]}
      {"time":"2026-01-11T00:00:01Z","level":"warn","msg":"\u001b[31mred\u001b[0m and a line that is\#
       longer than a terminal of eighty columns is wide"}

      """#
    ),
    (
      "docker/nginx",
      #"""
      {"time":"2026-01-10T12:00:01.5Z","level":"debug","logger":"漢字","msg":"other stream"}

      """#
    ),
  ]

  static let screens: [(columnCount: Int, words: [String], text: String)] = [
    (
      80, ["web"],
      #"""
      -- 2026-01-10, times in UTC --
      2026-01-10 12:00:00.123 INFO  api: started port=8080 id=9007199254740993
      2026-01-10 12:00:01.000 NOTICE api: größe 漢字 é 👍 \u{202e} bidi\u{2028}
      2026-01-10 12:00:02.000 ERROR  db: failed
                                           at a.swift:1 user={name:"Bob, \"B\""}
      2026-01-10 12:00:03.000 CRIT   disk free=null list=[1,"a b"]
      -- 2026-01-11, times in UTC --
      2026-01-11 00:00:01.000 WARN   \x1b[31mred\x1b[0m and a line that is longer than a terminal of\#
       eighty columns is wide

      """#
    ),
    (
      80, ["web", "--wrap"],
      #"""
      -- 2026-01-10, times in UTC --
      2026-01-10 12:00:00.123 INFO  api: started port=8080 id=9007199254740993
      2026-01-10 12:00:01.000 NOTICE api: größe 漢字 é 👍 \u{202e} bidi\u{2028}
      2026-01-10 12:00:02.000 ERROR  db: failed
                                           at a.swift:1 user={name:"Bob, \"B\""}
      2026-01-10 12:00:03.000 CRIT   disk free=null list=[1,"a b"]
      -- 2026-01-11, times in UTC --
      2026-01-11 00:00:01.000 WARN   \x1b[31mred\x1b[0m and a line that is longer than
                                     a terminal of eighty columns is wide

      """#
    ),
    (
      80, ["web", "docker/nginx", "--wrap"],
      #"""
      -- 2026-01-10, times in UTC --
      2026-01-10 12:00:00.123 web INFO  api: started port=8080 id=9007199254740993
      2026-01-10 12:00:01.000 web NOTICE api: größe 漢字 é 👍 \u{202e} bidi\u{2028}
      2026-01-10 12:00:01.500 docker/nginx DEBUG  漢字: other stream
      2026-01-10 12:00:02.000 web          ERROR  db: failed
            at a.swift:1 user={name:"Bob, \"B\""}
      2026-01-10 12:00:03.000 web          CRIT   disk free=null list=[1,"a b"]
      -- 2026-01-11, times in UTC --
      2026-01-11 00:00:01.000 web          WARN   \x1b[31mred\x1b[0m and a line that
          is longer than a terminal of eighty columns is wide

      """#
    ),
    (
      200, ["web", "docker/nginx", "--wrap"],
      #"""
      -- 2026-01-10, times in UTC --
      2026-01-10 12:00:00.123 web INFO  api: started port=8080 id=9007199254740993
      2026-01-10 12:00:01.000 web NOTICE api: größe 漢字 é 👍 \u{202e} bidi\u{2028}
      2026-01-10 12:00:01.500 docker/nginx DEBUG  漢字: other stream
      2026-01-10 12:00:02.000 web          ERROR  db: failed
                                                        at a.swift:1 user={name:"Bob, \"B\""}
      2026-01-10 12:00:03.000 web          CRIT   disk free=null list=[1,"a b"]
      -- 2026-01-11, times in UTC --
      2026-01-11 00:00:01.000 web          WARN   \x1b[31mred\x1b[0m and a line that is longer than \#
      a terminal of eighty columns is wide

      """#
    ),
    (
      80, ["web", "docker/nginx", "--color", "always", "--ansi", "-Z", "Europe/Berlin"],
      #"""
      ␛[38;5;243m-- 2026-01-10, times in Europe/Berlin +01:00 --␛[0m
      ␛[38;5;243m2026-01-10 13:00:00.123␛[0m ␛[38;5;98mweb␛[0m ␛[38;5;29mINFO␛[0m  ␛[1;38;5;63mapi␛[0m: \#
      started ␛[38;5;243mport=8080 id=9007199254740993␛[0m
      ␛[38;5;243m2026-01-10 13:00:01.000␛[0m ␛[38;5;98mweb␛[0m ␛[38;5;63mNOTICE␛[0m ␛[1;38;5;63mapi␛[0m:\#
       größe 漢字 é 👍 \u{202e} bidi\u{2028}
      ␛[38;5;243m2026-01-10 13:00:01.500␛[0m ␛[38;5;29mdocker/nginx␛[0m ␛[38;5;98mDEBUG␛[0m  ␛[1;38;5;29\#
      m漢字␛[0m: other stream
      ␛[38;5;243m2026-01-10 13:00:02.000␛[0m ␛[38;5;98mweb␛[0m          ␛[38;5;231;48;5;160mERROR␛[0m  ␛\#
      [38;5;163mdb␛[0m: failed
            at a.swift:1 ␛[38;5;243muser={name:"Bob, \"B\""}␛[0m
      ␛[38;5;243m2026-01-10 13:00:03.000␛[0m ␛[38;5;98mweb␛[0m          ␛[1;38;5;231;48;5;160mCRIT␛[0m  \#
       disk ␛[38;5;243mfree=null list=[1,"a b"]␛[0m
      ␛[38;5;243m-- 2026-01-11, times in Europe/Berlin +01:00 --␛[0m
      ␛[38;5;243m2026-01-11 01:00:01.000␛[0m ␛[38;5;98mweb␛[0m          ␛[1;38;5;131mWARN␛[0m   ␛[31mred\#
      ␛[0m and a line that is longer than a terminal of eighty columns is wide␛[0m

      """#
    ),
    (
      80, ["web", "-o", "full"],
      #"""
      web 1
        time      2026-01-10T12:00:00.123456789Z
        received  RECEIVED
        level     INFO (9)
        source    api
        message   started
          port=8080
          id=9007199254740993

      web 2
        time      2026-01-10T12:00:01.000000000Z
        received  RECEIVED
        level     NOTICE (10)
        source    api
        message   größe 漢字 é 👍 \u{202e} bidi\u{2028}

      web 3
        time      2026-01-10T12:00:02.000000000Z
        received  RECEIVED
        level     ERROR (17)
        source    db
        message   failed
                    at a.swift:1
          user={name:"Bob, \"B\""}

      web 4
        time      2026-01-10T12:00:03.000000000Z
        received  RECEIVED
        level     CRIT (18)
        message   disk
          free=null
          list=[1,"a b"]

      web 5
        time      2026-01-11T00:00:01.000000000Z
        received  RECEIVED
        level     WARN (13)
        message   \x1b[31mred\x1b[0m and a line that is longer than a terminal of eighty columns is \#
      wide


      """#
    ),
    (
      80, ["web", "-o", "json"],
      #"""
      {"stream":"web","seq":1,"time":"2026-01-10T12:00:00.123456789Z","received":"RECEIVED","severit\#
      y":9,"level":"info","source":"api","message":"started","attributes":{"port":8080,"id":90071992\#
      54740993},"kind":"log"}
      {"stream":"web","seq":2,"time":"2026-01-10T12:00:01.000000000Z","received":"RECEIVED","severit\#
      y":10,"level":"info","source":"api","message":"größe 漢字 é 👍 \u202e bidi\u2028","attributes":{\#
      },"kind":"log"}
      {"stream":"web","seq":3,"time":"2026-01-10T12:00:02.000000000Z","received":"RECEIVED","severit\#
      y":17,"level":"error","source":"db","message":"failed\n  at a.swift:1","attributes":{"user":{"\#
      name":"Bob, \"B\""}},"kind":"log"}
      {"stream":"web","seq":4,"time":"2026-01-10T12:00:03.000000000Z","received":"RECEIVED","severit\#
      y":18,"level":"error","source":"","message":"disk","attributes":{"free":null,"list":[1,"a b"]}\#
      ,"kind":"log"}
      {"stream":"web","seq":5,"time":"2026-01-11T00:00:01.000000000Z","received":"RECEIVED","severit\#
      y":13,"level":"warn","source":"","message":"\u001b[31mred\u001b[0m and a line that is longer t\#
      han a terminal of eighty columns is wide","attributes":{},"kind":"log"}

      """#
    ),
    (
      80, ["web", "-o", "json-pretty", "-n", "1"],
      #"""
      {
        "stream": "web",
        "seq": 1,
        "time": "2026-01-10T12:00:00.123456789Z",
        "received": "RECEIVED",
        "severity": 9,
        "level": "info",
        "source": "api",
        "message": "started",
        "attributes": {
          "port": 8080,
          "id": 9007199254740993
        },
        "kind": "log"
      }

      """#
    ),
    (
      80, ["web", "-o", "raw"],
      #"""
      started
      größe 漢字 é 👍 <RLO> bidi<LS>
      failed
        at a.swift:1
      disk
      ␛[31mred␛[0m and a line that is longer than a terminal of eighty columns is wide

      """#
    ),
    (
      80, ["web", "-o", "cat", "-t"],
      #"""
      2026-01-10 12:00:00.123 started
      2026-01-10 12:00:01.000 größe 漢字 é 👍 \u{202e} bidi\u{2028}
      2026-01-10 12:00:02.000 failed\n  at a.swift:1
      2026-01-10 12:00:03.000 disk
      2026-01-11 00:00:01.000 \x1b[31mred\x1b[0m and a line that is longer than a terminal of eighty\#
       columns is wide

      """#
    ),
    (
      80, ["web", "-o", "logfmt"],
      #"""
      time=2026-01-10T12:00:00.123456789Z level=info stream=web seq=1 source=api msg=started port=80\#
      80 id=9007199254740993
      time=2026-01-10T12:00:01.000000000Z level=notice stream=web seq=2 source=api msg="größe 漢字 é \#
      👍 \u202e bidi\u2028"
      time=2026-01-10T12:00:02.000000000Z level=error stream=web seq=3 source=db msg="failed\n  at a\#
      .swift:1" user="{\"name\":\"Bob, \\\"B\\\"\"}"
      time=2026-01-10T12:00:03.000000000Z level=crit stream=web seq=4 msg=disk free=null list="[1,\"\#
      a b\"]"
      time=2026-01-11T00:00:01.000000000Z level=warn stream=web seq=5 msg="\u001b[31mred\u001b[0m an\#
      d a line that is longer than a terminal of eighty columns is wide"

      """#
    ),
    (
      80, ["web", "-o", "csv"],
      #"""
      stream,seq,time,level,source,message,attributes
      web,1,2026-01-10T12:00:00.123456789Z,info,api,started,"{""port"":8080,""id"":9007199254740993}\#
      "
      web,2,2026-01-10T12:00:01.000000000Z,notice,api,größe 漢字 é 👍 \u{202e} bidi\u{2028},
      web,3,2026-01-10T12:00:02.000000000Z,error,db,failed\n  at a.swift:1,"{""user"":{""name"":""Bo\#
      b, \""B\""""}}"
      web,4,2026-01-10T12:00:03.000000000Z,crit,,disk,"{""free"":null,""list"":[1,""a b""]}"
      web,5,2026-01-11T00:00:01.000000000Z,warn,,\x1b[31mred\x1b[0m and a line that is longer than a\#
       terminal of eighty columns is wide,

      """#
    ),
    (
      80, ["web", "--template", "{seq} {level} {message} {attr.user.name}"],
      #"""
      1 info started 
      2 notice größe 漢字 é 👍 \u{202e} bidi\u{2028} 
      3 error failed\n  at a.swift:1 Bob, "B"
      4 crit disk 
      5 warn \x1b[31mred\x1b[0m and a line that is longer than a terminal of eighty columns is wide 

      """#
    ),
    (
      80, ["web", "--columns", "seq,level,message"],
      #"""
      1	info	started
      2	notice	größe 漢字 é 👍 \u{202e} bidi\u{2028}
      3	error	failed\n  at a.swift:1
      4	crit	disk
      5	warn	\x1b[31mred\x1b[0m and a line that is longer than a terminal of eighty columns is wide

      """#
    ),
    (
      80, ["web", "-o", "short", "--columns", "time,seq,message"],
      #"""
      -- 2026-01-10, times in UTC --
      2026-01-10 12:00:00.123 1 started
      2026-01-10 12:00:01.000 2 größe 漢字 é 👍 \u{202e} bidi\u{2028}
      2026-01-10 12:00:02.000 3 failed
                                  at a.swift:1
      2026-01-10 12:00:03.000 4 disk
      -- 2026-01-11, times in UTC --
      2026-01-11 00:00:01.000 5 \x1b[31mred\x1b[0m and a line that is longer than a terminal of eigh\#
      ty columns is wide

      """#
    ),
  ]
}
