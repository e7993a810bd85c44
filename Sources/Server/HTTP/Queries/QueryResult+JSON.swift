internal import LogsText
internal import LogsWire

extension QueryResult {
  /// With the names that `logs query -o json` has.
  func json(of kind: QueryKind) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.key("count")
      json.number(entryCount)
      json.key("missing")
      json.number(missingCount)
      switch kind {
      case .count: break
      case .histogram:
        json.key("spans")
        json.array { json in for bucket in buckets { bucket.write(to: &json) } }
      case .fields:
        json.key("capped")
        json.boolean(isCapped)
        json.key("fields")
        json.array { json in for field in fields { field.write(to: &json) } }
      }
    }
    json.newline()
    return json.bytes
  }
}

extension HistogramBucket {
  private static let levels = ["unspecified", "trace", "debug", "info", "warn", "error", "fatal"]

  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.key("start")
      json.time(start)
      json.key("count")
      json.number(total)
      json.key("levels")
      json.object { json in
        for (level, count) in zip(Self.levels, counts) {
          json.key(level)
          json.number(count)
        }
      }
    }
  }
}

extension FieldSummary {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.key("field")
      json.string(name.isEmpty ? "\(kind)" : name)
      json.key("kind")
      json.string("\(kind)")
      json.key("entries")
      json.number(entryCount)
      json.key("capped")
      json.boolean(isCapped)
      json.key("values")
      json.array { json in
        for value in values {
          json.object { json in
            json.key("value")
            json.string(value.text)
            json.key("count")
            json.number(value.count)
          }
        }
      }
    }
  }
}
