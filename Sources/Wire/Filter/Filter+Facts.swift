extension Filter {
  /// The attributes whose presence is asked for, in the order in which they stand there: without any of them, what asks
  /// for it is false. Those behind NOT are none.
  package var wantedAttributes: [String] {
    var names: [String] = []
    func collect(_ node: FilterNode) {
      switch node {
      case .and(let nodes), .or(let nodes): for node in nodes { collect(node) }
      case .test(.attribute(let path, _)):
        let name = String(decoding: path.name, as: UTF8.self)
        if !names.contains(name) { names.append(name) }
      case .all, .not, .test: break
      }
    }
    collect(root)
    return names
  }

  /// Whether it says something about kinds of entries.
  package var namesKinds: Bool {
    func names(_ node: FilterNode) -> Bool {
      switch node {
      case .and(let nodes), .or(let nodes): nodes.contains(where: names)
      case .not(let node): names(node)
      case .test(.kind): true
      case .all, .test: false
      }
    }
    return names(root)
  }
}

extension FilterEvaluator {
  /// Whether an entry of this stream may pass, by what the filter says about names of streams.
  package func mayPass(_ filter: Filter, in stream: StreamName) -> Bool {
    do throws(FilterFailure) {
      let forecast = try forecast(
        filter, severities: .max, times: .min ... .max, numbers: 0 ... .max, stream: stream)
      return forecast != FilterForecast.none
    } catch {
      // Who looks at entries meets the expression again, and reports it.
      return true
    }
  }
}
