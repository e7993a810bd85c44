/// Commands that other programs have, and what `logs` has for them.
enum ForeignCommands {
  /// What to write; nil for one that is not known.
  static func remedy(for name: String) -> String? { remedies[name.lowercased()] }

  private static let remedies: [String: String] = {
    let rows: [(names: [String], remedy: String)] = [
      (["tail", "watch", "stream", "journal"], "logs follow STREAM shows the last entries, and new ones as they come"),
      (["grep", "search", "find", "filter", "rg"], "logs query STREAM -- TEXT finds entries"),
      (["cat", "show", "get", "read", "less", "view"], "logs query STREAM shows all entries"),
      (["dump", "archive"], "logs export STREAM writes all that a stream holds"),
      (["load"], "logs import FILE appends what logs export has written"),
      (
        ["backup", "restore"],
        "logsd backup DIR BACKUP and logsd restore copy all of a server, on its machine; logs export copies streams"
      ),
      (["check", "verify", "fsck", "repair"], "logsd check DIR and logsd repair DIR look at a data directory"),
      (["head"], "logs query STREAM -n 10 shows the first entries"),
      (["count", "wc"], "logs query STREAM --count says how many entries there are"),
      (["ls", "list"], "logs streams lists the streams"),
      (["stats", "stat", "info", "health", "ping", "top"], "logs status shows how the server is doing"),
      (["write", "append", "send", "add", "logger"], "logs push STREAM FILE appends lines"),
      (["rm", "remove", "drop", "truncate", "trim"], "logs delete STREAM deletes a stream, or a range of its entries"),
      (["close", "finish", "end"], "logs complete STREAM seals a stream"),
      (["server", "serve", "start", "daemon"], "the server is another program, logsd"),
      (["token", "tokens", "login"], "logsd token makes tokens, and --token-file FILE uses one"),
      (["sql", "select"], "logsd sql DIR QUERY answers SQL over a data directory, where the server runs"),
      (["profile", "profiles", "env"], "logs config show shows what is used"),
    ]
    return Dictionary(uniqueKeysWithValues: rows.flatMap { row in row.names.map { ($0, row.remedy) } })
  }()
}
