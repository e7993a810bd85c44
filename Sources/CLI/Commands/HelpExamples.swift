/// What people do with each command.
enum HelpExamples {
  static func of(_ command: Command) -> String {
    (all[command.name] ?? []).map { "  \($0)" }.joined(separator: "\n")
  }

  /// The first steps.
  static let overview = [
    "logs push web access.log", "logs follow web", "logs query web 'timeout level>=warn' --since 1h",
    "logs streams",
  ].map { "  \($0)" }.joined(separator: "\n")

  static let all = [
    "push": [
      "logs push web access.log", "journalctl -o cat -f | logs push journal",
      "logs push app app.json --format json --source api",
    ],
    "ship": [
      "logs ship --files '/var/log/app/*.log' --start beginning", "logs ship --config /etc/logs/ship.conf",
      "logs ship --files '/var/log/app/*.log' --commit server",
      "logs ship check --files '/var/log/**/*.log' --exclude '/var/log/journal/**'", "logs ship status --state ./state",
    ],
    "follow": [
      "logs follow web", "logs follow 'docker/*' -l warn -n 100", "logs follow web --since 10m --until-head -o json",
      "logs follow web --cursor-file web.cursor -- connection reset",
    ],
    "query": [
      "logs query web 'timeout level>=warn' --since 'yesterday 18:00'", "logs query web -g 'took \\d{4,}ms' -C 3",
      "logs query 'docker/*' -r -n 20", "logs query web --histogram 1h -l error",
    ],
    "export": [
      "logs export web > web.jsonl", "logs export 'docker/*' --since 7d | zstd > docker.jsonl.zst",
      "logs export web --sqlite web.db -- 'level>=warn'",
    ],
    "import": [
      "logs import web.jsonl", "zstd -dc docker.jsonl.zst | logs import --spool /var/tmp/docker-import",
      "logs import web.jsonl --rename web=archive/web",
    ],
    "streams": ["logs streams", "logs streams 'docker/*' --sort bytes"],
    "status": ["logs status", "logs status --watch", "logs status -o json | jq .appended_entries_total"],
    "complete": ["logs complete ci/build-17"],
    "delete": [
      "logs delete web --dry-run", "logs delete web --before-seq 5000",
      "logs delete web --yes --server logs+unix:///run/logsd.sock",
    ],
    "seal": ["logs seal /var/lib/logsd"],
    "spool": ["logs spool inspect DIR", "logs spool drain DIR --retry-for 5m"],
    "bench": ["logs bench append", "logs bench tail --followers 100 -o json"],
    "config": ["logs config show", "logs config show --profile prod"],
    "man": ["logs man follow | man -l -", "logs man --list"],
    "completion": [
      "source <(logs completion bash)    # in ~/.bashrc",
      "source <(logs completion zsh)     # in ~/.zshrc, behind compinit",
      "logs completion fish > ~/.config/fish/completions/logs.fish",
    ],
  ]
}
