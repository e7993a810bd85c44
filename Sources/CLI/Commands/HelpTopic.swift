/// A page of `logs help` that is about no command.
struct HelpTopic: Sendable {
  let name: String
  let summary: String
  let text: String

  static let all = [filters, times]

  static func named(_ name: String) -> HelpTopic? { all.first { $0.name == name } }

  private static let filters = HelpTopic(
    name: "filters", summary: "the language that follow and query search with",
    text: #"""
      A filter stands behind the streams and --, in single quotes for the shell.

        timeout                 the message has it anywhere, in any case
        Timeout                 in exactly this case: a capital makes a term exact
        "connection reset"      these words and the space
        =id                     the word: not idle, not uuid
        /took \d{4,}ms/         a regular expression; /x/i in any case
        a b    a OR b    -c     both; either; not c. AND, OR, NOT in capitals, ( )
        level>=warn             also level:info..warn, level:(error,fatal)
        source:nginx*           by source; kind:status; stream:docker/*
        status>=500             by attribute; user:"bob smith", ms:100..500
        status:(500,502)        one of several
        path~/^\/api/           an attribute matches; path~login contains
        trace_id:*              has the attribute; -trace_id:* has it not
        time>=1h seq:100..200   by time (logs help times) and sequence number

      or, and, not in small letters are text, and so is a|b without slashes.
      Text with = : ~ < or > inside needs quotes: "uid=0". a!=x is about entries
      that have a, -a:x is true for the others, too.

      examples:
        logs query web -- 'timeout level>=warn'
        logs query 'docker/*' '(refused OR reset) -health' --since 1h
        logs follow web -- connection reset

      docs/searching.md says more, spec/filter.md everything.
      """#)

  private static let times = HelpTopic(
    name: "times", summary: "how times are written",
    text: """
      --since, --until and time in filters take

        2026-01-10T12:00:00Z    RFC 3339, with a zone: Z, +02:00 or +02
        '2026-01-10 12:00'      local time; seconds and fractions may follow
        2026-01-10              the beginning of the day
        09:00   12:30:05        today
        today  yesterday  now   also 'yesterday 18:00'
        10m  2h  3d  2w  1h30m  so long ago; also -3h, '3h ago', '1 hour ago'
        1768046400  @1768046400 seconds since 1970

      TZ sets the local zone; -Z only says in which zone times are shown. A
      time that comes twice, as clocks are set back, means the first; one that
      never comes, or a day that does not exist, is refused.

      examples:
        logs query web --since 'yesterday 18:00' --until 'yesterday 22:00'
        logs query web 'time>=1h level>=error'
        logs follow web --since 10m
      """)
}
