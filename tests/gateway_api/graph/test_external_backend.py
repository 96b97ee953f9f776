"""What a host outside of the cluster may be called."""

import pytest

from gateway_api.graph.backends.external_backend import judge_external_backend
from gateway_api.graph.reference_grant import Grants
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import GraphSettings
from k8s_watch.objects.backends import BackendPort, ExternalHostname, XBackend, XBackendSpec
from k8s_watch.objects.meta import Meta

NOBODY = Resolver(Grants(()), {}, {}, {}, occupied={}, directives={})


@pytest.mark.parametrize(
    ("hostname", "said"),
    [
        ("api.example.com", []),
        ("cluster.example.com", []),
        ("a.notcorp.example", []),
        ("web.default.svc", ["of the cluster"]),
        ("web.default.svc.corp.example", ["of the cluster"]),
        ("10-0-0-1.default.pod.corp.example", ["of the cluster"]),
        ("web.default.svc.cluster.local", ["of the cluster"]),
        ("metadata.google.internal", ["of a machine or a network"]),
        ("instance-data.ec2.internal", ["of a machine or a network"]),
        ("nas.home.arpa", ["of a machine or a network"]),
    ],
)
def test_it_is_a_public_name(hostname: str, said: list[str]) -> None:
    spec = XBackendSpec(
        type="ExternalHostname", external_hostname=ExternalHostname(hostname=hostname), port=BackendPort(port=80)
    )
    backend = XBackend(metadata=Meta(name="a", namespace="default"), spec=spec)
    judged = judge_external_backend(backend, NOBODY, GraphSettings(cluster_domain="corp.example"))
    assert [problem.message.partition("is a name ")[2].partition(";")[0] for problem in judged.problems] == said
