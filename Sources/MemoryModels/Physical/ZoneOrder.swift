import KernelTypes

/// In which order a machine's zones are tried by requests made on each node, ready for the request path.
///
/// Follows `build_zonelists` and `alloc_flags_nofragment` in mm/page_alloc.c, Linux 6.1.
struct ZoneOrder: ~Copyable {
  /// The zones of a list, by their index in the machine.
  struct List {
    var zones: UnsafePointer<Int32>
    var count: Int
    /// Whether requests for Normal memory rather go to another zone than mix types.
    var avoidsFragmentation: Bool
  }

  /// The numbers of the nodes that have zones, ascending.
  let nodes: [Int]
  private let isUniform: Bool
  private let zoneCount: Int
  // For node i, its list begins at i × zoneCount; the zones of its own that begin it.
  private let zones: UnsafeMutablePointer<Int32>
  private let localCounts: UnsafeMutablePointer<Int32>
  private let avoids: UnsafeMutablePointer<Bool>
  // The position in `nodes` of each CPU's node.
  private let places: UnsafeMutablePointer<Int32>
  private let cpuCount: Int
  private let topology: NodeTopology

  init(
    _ spans: [ZoneSpan], kernel: KernelVersion, distances: [[Int]], avoidsFragmentation: Bool, cpus: Int
  ) {
    let nodes = Set(spans.map(\.node)).sorted()
    self.nodes = nodes
    isUniform = nodes.count <= 1
    zoneCount = spans.count
    cpuCount = max(cpus, 1)
    topology = NodeTopology(
      nodes.map { node in
        let own = spans.filter { $0.node == node }
        return .init(
          number: node,
          pages: Dictionary(
            own.map {
              ($0.kind, max(Int(clamping: $0.frames.upperBound.rawValue &- $0.frames.lowerBound.rawValue), 1))
            }, uniquingKeysWith: +),
          cpuCount: 1)
      }, distances: distances)
    let room = max(nodes.count, 1)
    zones = .allocate(capacity: max(room * spans.count, 1))
    zones.initialize(repeating: 0, count: max(room * spans.count, 1))
    localCounts = .allocate(capacity: room)
    localCounts.initialize(repeating: 0, count: room)
    avoids = .allocate(capacity: room)
    avoids.initialize(repeating: false, count: room)
    places = .allocate(capacity: cpuCount)
    places.initialize(repeating: 0, count: cpuCount)
    let rule = ZoneList.standardRule(topology, kernel: kernel)
    for (place, node) in nodes.enumerated() {
      let entries = ZoneList(topology, of: node, rule: rule).entries
      var cursor = place * spans.count
      for entry in entries {
        // From the highest frames down, if a node has several spans of a kind.
        for index in spans.indices.reversed() where spans[index].node == entry.node && spans[index].kind == entry.kind {
          zones[cursor] = Int32(index)
          cursor += 1
        }
      }
      let list = (place * spans.count..<cursor).map { spans[Int(zones[$0])] }
      localCounts[place] = Int32(list.prefix { $0.node == node }.count)
      // With several nodes, only a node that has DMA32 beside Normal.
      let hasBoth = list.contains { $0.kind == .dma32 && (nodes.count == 1 || $0.node == node) }
      avoids[place] =
        avoidsFragmentation && hasBoth && list.contains { $0.kind == .normal && $0.node == node }
    }
  }

  deinit {
    zones.deallocate()
    localCounts.deallocate()
    avoids.deallocate()
    places.deallocate()
  }

  @inline(__always)
  func place(cpu: Int) -> Int {
    isUniform || cpu < 0 || cpu >= cpuCount ? 0 : Int(places[cpu])
  }

  /// The list of a CPU's requests; `isLocalOnly` leaves out other nodes.
  @inline(__always)
  func list(cpu: Int, isLocalOnly: Bool) -> List {
    let place = place(cpu: cpu)
    return List(
      zones: UnsafePointer(zones + place &* zoneCount),
      count: isLocalOnly && !isUniform ? Int(localCounts[place]) : zoneCount, avoidsFragmentation: avoids[place])
  }

  /// Says which node a CPU belongs to; false if no such node has zones.
  mutating func setNode(_ node: Int, cpu: Int) -> Bool {
    guard let place = nodes.firstIndex(of: node), (0..<cpuCount).contains(cpu) else { return false }
    places[cpu] = Int32(place)
    return true
  }

  /// The number of a CPU's node; 0 on a machine without zones.
  func node(cpu: Int) -> Int { nodes.isEmpty ? 0 : nodes[place(cpu: cpu)] }

  /// CPUs of a node.
  func cpus(of node: Int) -> Int { (0..<cpuCount).count { self.node(cpu: $0) == node } }

  /// Whether a node is near enough to a CPU's to reclaim its own pages first. Follows `zone_allows_reclaim`, where
  /// `RECLAIM_DISTANCE` is 30.
  func isNear(_ node: Int, cpu: Int) -> Bool { topology.distance(self.node(cpu: cpu), node) <= 30 }
}
