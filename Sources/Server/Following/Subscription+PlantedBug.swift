#if PLANTED_BUGS
  internal import LogsWire

  extension Subscription {
    /// Leaves out the entry that comes next, in due form (`PlantedBug.liveOffByOne`).
    func passOver(_ track: Track) {
      host.tell(.skip(Skip(handle: track.handle, reason: .filtered, from: track.next, to: track.next)), to: self)
      track.next += 1
    }
  }
#endif
