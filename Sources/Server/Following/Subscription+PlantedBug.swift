#if PLANTED_BUGS
  internal import LogsWire

  extension Subscription {
    /// Leaves out the entry that comes next, in due form (`PlantedBug.liveOffByOne`).
    func passOver(_ track: Track) {
      connection.tell(id, .skip(Skip(handle: track.handle, reason: .filtered, from: track.next, to: track.next)))
      track.next += 1
    }
  }
#endif
