using System.Collections.Immutable;
using System.Net;
using CsCheck;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Engines;

/// <summary>Lives of containers on all hosts of an overlay at once: whatever happens, no address has two owners.</summary>
public sealed class RosterProperties
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void No_address_is_given_twice_whatever_happens() =>
        Gen.Select(Gen.Int[24, 30], Gen.UInt)
            .Sample(
                (prefix, seed) => new World(prefix, new Random((int)seed)).Live(150),
                iter: 200
            );

    private sealed class World(int prefix, Random random)
    {
        private readonly List<Machine> machines = [new(), new()];
        private readonly HashSet<string> declared = [];
        private DateTimeOffset now = Start;
        private int made;

        public void Live(int steps)
        {
            for (var step = 0; step < steps; step++)
            {
                Happen();
                var overlay = RosterTests.Read(File());
                var notices = new List<string>();
                for (var number = 0; number < machines.Count; number++)
                {
                    notices.AddRange(Observe(overlay, number));
                }
                Check(overlay, notices);
            }
        }

        private void Happen()
        {
            var machine = machines[random.Next(machines.Count)];
            var one = machine.Containers.Count == 0 ? -1 : random.Next(machine.Containers.Count);
            now += TimeSpan.FromMinutes(random.Next(1, 600));
            switch (random.Next(9))
            {
                case 0 when machines.Count < 6:
                    machines.Add(new());
                    break;
                case 1 when one >= 0:
                    machine.Containers.RemoveAt(one);
                    break;
                case 2 when one >= 0:
                    machine.Containers[one] = (Name(), machine.Containers[one].Id);
                    break;
                case 3 when one >= 0:
                    machine.Containers[one] = (machine.Containers[one].Name, Id());
                    break;
                case 4:
                    machine.IsAway = !machine.IsAway;
                    break;
                case 5:
                    // The new records did not get onto the disk, and so no container got anything of them.
                    machine.IsKilled = true;
                    break;
                case 6 when random.Next(4) == 0:
                    declared.Add($"10.8.2.{random.Next(1, 4)}");
                    break;
                default:
                    machine.Containers.Add((Name(), Id()));
                    break;
            }
        }

        private ImmutableArray<string> Observe(Overlay overlay, int number)
        {
            var machine = machines[number];
            var roster = Roster.Of(
                overlay,
                $"host{number}",
                machine.IsAway
                    ? []
                    :
                    [
                        .. machine
                            .Containers.DistinctBy(container => container.Name)
                            .Select(container =>
                                RosterTests.Sighting(Engine.Docker, container.Name, "join=yes") with
                                {
                                    Id = container.Id,
                                }
                            ),
                    ],
                machine.IsAway ? ImmutableHashSet<Engine>.Empty : [Engine.Docker],
                machine.Records,
                now
            );
            if (machine.IsKilled)
            {
                machine.IsKilled = false;
                return roster.Notices;
            }
            // An address moves only if the file took it, or if its container was away for a day.
            foreach (var before in machine.Records.Where(record => record.GoneSince is null))
            {
                var after = roster.Records.FirstOrDefault(record => record.Id == before.Id);
                Assert.True(
                    after is null
                        || after.Addresses.SequenceEqual(before.Addresses)
                        || before.Addresses.Any(address => declared.Contains(address.ToString()))
                );
                Assert.True(
                    after is not null
                        || before.Addresses.All(address => declared.Contains(address.ToString()))
                        || roster.Records.Any(record =>
                            record.Container == before.Container
                            && record.Addresses.SequenceEqual(before.Addresses)
                        )
                );
            }
            var again = Roster.Of(
                overlay,
                $"host{number}",
                [],
                ImmutableHashSet<Engine>.Empty,
                roster.Records,
                now
            );
            Assert.Equal(roster.Records, again.Records.AsEnumerable(), SameRecord);
            machine.Records = roster.Records;
            Assert.Equal(
                roster.Containers.Length,
                roster
                    .Containers.SelectMany(one => one.Attachments)
                    .Select(one => one.Mac)
                    .Distinct()
                    .Count()
            );
            return roster.Notices;
        }

        private void Check(Overlay overlay, List<string> notices)
        {
            var subnet = overlay.Networks[0].Subnets[0];
            var (lowest, highest) = IPText.Hosts(subnet);
            var owners = machines
                .SelectMany(
                    (machine, number) =>
                        machine.Records.SelectMany(record =>
                            record.Addresses.Select(address => (address, number, record))
                        )
                )
                .GroupBy(one => one.address);
            foreach (var address in owners)
            {
                Assert.InRange(IPText.ToNumber(address.Key), lowest, highest);
                Assert.True(
                    address.Select(one => one.number).Distinct().Count() == address.Count()
                );
                // Of hosts that were added after a host had used its part's far half too, that host has given notice.
                Assert.True(
                    address.Count(one => one.record.GoneSince is null) < 2
                        || notices.Exists(notice =>
                            notice.Contains($"has {address.Key} of", StringComparison.Ordinal)
                        ),
                    $"{address.Key} has two owners, and nobody says so"
                );
            }
        }

        private string File() =>
            $$"""
                name: world
                hosts: { {{string.Join(
                    ", ",
                    machines.Select((_, number) => $"host{number}: 192.0.2.{number + 1}")
                )}} }
                networks: { n: { vlan: 5, subnet: 10.8.2.0/{{prefix}} } }
                containers:
                  joiners: { select: { join: yes }, networks: { n: } }
                {{string.Concat(
                    declared.Where(Fits).Select(
                        (address, number) =>
                            $"  d{number}: {{ host: host0, engine: netns, networks: {{ n: {address} }} }}\n"
                    )
                )}}
                """;

        private bool Fits(string address)
        {
            var (lowest, highest) = IPText.Hosts(IPNetwork.Parse($"10.8.2.0/{prefix}"));
            var number = IPText.ToNumber(IPAddress.Parse(address));
            return number >= lowest && number <= highest;
        }

        private string Name() => $"c{random.Next(12)}";

        private string Id() => $"id{made++}";

        private static bool SameRecord(AddressRecord one, AddressRecord other) =>
            one with { Addresses = other.Addresses, Labels = other.Labels } == other
            && one.Addresses.SequenceEqual(other.Addresses);
    }

    private sealed class Machine
    {
        public List<(string Name, string Id)> Containers { get; } = [];

        public bool IsAway { get; set; }

        public bool IsKilled { get; set; }

        public ImmutableArray<AddressRecord> Records { get; set; } = [];
    }
}
