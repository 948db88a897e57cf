"""The network of one site: three independent zones, and database subnets without a route out."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.endpoints import Endpoints, EndpointsArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.site import Site

ZONES = 3
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class Subnets:
    """The address ranges of a network by tier, one per zone."""

    private: tuple[str, ...]
    public: tuple[str, ...]
    database: tuple[str, ...]


def carve(cidr: str) -> Subnets:
    """Divide a network into the subnets of three zones.

    Each zone gets a quarter of the network for pods and nodes (each pod takes an address), a sixteenth for load
    balancers and NAT gateways, and a 64th for databases. A 64th stays free.

    Raises:
        ValueError: if the network is smaller than a /22, whose databases would get less than the /28 that AWS allows.
    """
    network = ipaddress.IPv4Network(cidr)
    if network.prefixlen > 22:
        raise ValueError(f"'{cidr}' is too small: a /22 or larger is needed")
    quarters = list(network.subnets(prefixlen_diff=2))
    sixteenths = list(quarters[ZONES].subnets(prefixlen_diff=2))
    rest = list(sixteenths[ZONES].subnets(prefixlen_diff=2))
    private, public, database = (
        tuple(str(block) for block in blocks[:ZONES]) for blocks in (quarters, sixteenths, rest)
    )
    return Subnets(private=private, public=public, database=database)


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """The address range and the zones of a site's network."""

    cidr: str
    zones: tuple[str, ...]
    """The names of three availability zones. They are configured, not looked up."""
    site: Site
    logs_key_arn: pulumi.Input[str]
    """The key of the log group for flow logs."""
    encryption: Literal["monitor", "enforce"]
    """Whether plain traffic inside the VPC is only shown, or is impossible."""

    def __post_init__(self) -> None:
        if len(self.zones) != ZONES:
            raise ValueError(f"zones names {len(self.zones)} zones, expected {ZONES}")


class Network(pulumi.ComponentResource):
    """A VPC with public, private and database subnets in three zones, and a NAT gateway in each."""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: list[pulumi.Output[str]]
    private_subnet_ids: list[pulumi.Output[str]]
    database_subnet_ids: list[pulumi.Output[str]]
    database_cidrs: tuple[str, ...]
    log_group: pulumi.Output[str]
    """The name of the log group for flow logs."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Network", name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        blocks = carve(args.cidr)
        self.database_cidrs = blocks.database
        vpc = self._vpc()
        self.vpc_id = vpc.id
        internet = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=vpc.id, tags=self._tags("internet"), opts=self._child
        )
        public = self._tier("public", blocks.public, {"kubernetes.io/role/elb": "1"})
        private = self._tier("private", blocks.private, {"kubernetes.io/role/internal-elb": "1"})
        database = self._tier("database", blocks.database, {})
        self._public_routes(public, internet)
        private_tables = [
            self._zone_routes(zone, *pair, internet) for zone, pair in enumerate(zip(public, private, strict=True), 1)
        ]
        self._associate("database", self._table("database"), database)
        self.public_subnet_ids = [subnet.id for subnet in public]
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.database_subnet_ids = [subnet.id for subnet in database]
        self._endpoints(private_tables)
        self._encryption(vpc)
        logs = FlowLogsArgs(vpc_id=vpc.id, key_arn=args.logs_key_arn, site=args.site)
        self.log_group = FlowLogs(f"{name}-flow-logs", logs, self._child).group
        self.register_outputs({})

    def _encryption(self, vpc: aws.ec2.Vpc) -> None:
        """The encryption of all traffic inside the VPC, from the load balancer to the pods and among the nodes.

        With any mode, AWS moves load balancers to hardware that encrypts, and nodes of current types encrypt anyway.
        `enforce` refuses what does not. Traffic to the internet is excluded: it is encrypted by TLS.
        Source: Amazon VPC User Guide, "Enforce VPC encryption in transit".
        """
        mode = self._args.encryption
        gateways = ("internet_gateway_exclusion", "nat_gateway_exclusion") if mode == "enforce" else ()
        aws.ec2.VpcEncryptionControl(
            f"{self._prefix}-encryption",
            vpc_id=vpc.id,
            mode=mode,
            **dict.fromkeys(gateways, "enable"),
            tags=self._tags("encryption"),
            opts=self._child,
        )

    def _tags(self, role: str) -> dict[str, str]:
        return self._args.site.tags.of(tier="platform", data="none", name=f"{self._prefix}-{role}")

    def _vpc(self) -> aws.ec2.Vpc:
        vpc = aws.ec2.Vpc(
            f"{self._prefix}-vpc",
            cidr_block=self._args.cidr,
            # Interface endpoints answer under the services' own names only if both are enabled.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._child,
        )
        # In AWS's default group, members reach each other. Without rules, a resource that names no group opens nothing.
        aws.ec2.DefaultSecurityGroup(
            f"{self._prefix}-default",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=self._tags("default-closed"),
            opts=self._child,
        )
        return vpc

    def _tier(self, tier: str, cidrs: tuple[str, ...], kubernetes_tags: dict[str, str]) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{self._prefix}-{tier}-{number}",
                vpc_id=self.vpc_id,
                cidr_block=cidr,
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags=self._tags(f"{tier}-{zone}") | kubernetes_tags,
                opts=self._child,
            )
            for number, (cidr, zone) in enumerate(zip(cidrs, self._args.zones, strict=True), 1)
        ]

    def _table(self, role: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(f"{self._prefix}-{role}", vpc_id=self.vpc_id, tags=self._tags(role), opts=self._child)

    def _associate(self, role: str, table: aws.ec2.RouteTable, subnets: list[aws.ec2.Subnet]) -> None:
        for number, subnet in enumerate(subnets, 1):
            aws.ec2.RouteTableAssociation(
                f"{self._prefix}-{role}-{number}", route_table_id=table.id, subnet_id=subnet.id, opts=self._child
            )

    def _public_routes(self, subnets: list[aws.ec2.Subnet], internet: aws.ec2.InternetGateway) -> None:
        table = self._table("public")
        aws.ec2.Route(
            f"{self._prefix}-public-default",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=internet.id,
            opts=self._child,
        )
        self._associate("public", table, subnets)

    def _zone_routes(
        self, zone: int, public: aws.ec2.Subnet, private: aws.ec2.Subnet, internet: aws.ec2.InternetGateway
    ) -> aws.ec2.RouteTable:
        """The route out of one zone, which no other zone uses: the loss of a zone takes no other zone's NAT gateway."""
        role = f"private-{zone}"
        # An address and a gateway need a VPC attached to the internet, and must be deleted before it is detached.
        attached = pulumi.ResourceOptions(parent=self, depends_on=[internet])
        address = aws.ec2.Eip(f"{self._prefix}-nat-{zone}", domain="vpc", tags=self._tags(f"nat-{zone}"), opts=attached)
        gateway = aws.ec2.NatGateway(
            f"{self._prefix}-nat-{zone}",
            allocation_id=address.id,
            subnet_id=public.id,
            tags=self._tags(f"nat-{zone}"),
            opts=attached,
        )
        table = self._table(role)
        aws.ec2.Route(
            f"{self._prefix}-{role}-default",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=gateway.id,
            opts=self._child,
        )
        aws.ec2.RouteTableAssociation(
            f"{self._prefix}-{role}", route_table_id=table.id, subnet_id=private.id, opts=self._child
        )
        return table

    def _endpoints(self, tables: list[aws.ec2.RouteTable]) -> None:
        args = EndpointsArgs(
            vpc_id=self.vpc_id,
            vpc_cidr=self._args.cidr,
            subnet_ids=tuple(self.private_subnet_ids),
            route_table_ids=tuple(table.id for table in tables),
            site=self._args.site,
        )
        Endpoints(f"{self._prefix}-endpoints", args, self._child)
