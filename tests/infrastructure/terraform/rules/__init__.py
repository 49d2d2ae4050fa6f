"""The rules, by what they are about; `test_rules.py` applies all of them."""

from collections.abc import Callable, Mapping

from config.infrastructure.deployment import Terraform
from tests.infrastructure.terraform.rules import (
    arguments,
    compute,
    data,
    edge,
    environments,
    exceptions,
    language,
    monitoring,
    network,
    permissions,
    releases,
    scaling,
    settings,
)

Rule = Callable[[Terraform], list[str]]
RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        language.references_are_declared,
        language.variables_are_described_and_used,
        language.outputs_are_described,
        language.calls_give_what_is_asked_for,
        language.versions_are_pinned,
        arguments.arguments_are_known,
        arguments.attributes_are_known,
        network.addresses_are_the_designs,
        network.each_zone_has_its_way_out,
        network.only_the_designs_ports_are_open,
        compute.tasks_have_their_sizes,
        compute.releases_own_what_they_change,
        compute.tiers_have_their_instances,
        compute.tiers_follow_their_queues,
        scaling.instances_stay_while_they_are_wanted,
        data.queues_are_the_products,
        data.database_has_its_size,
        data.cache_has_its_size,
        data.files_are_kept_and_closed,
        data.model_cache_is_encrypted,
        data.secrets_have_their_names,
        data.logs_are_kept,
        edge.load_balancer_speaks_tls,
        edge.cloudfront_caches_what_it_may,
        edge.firewalls_are_in_front,
        edge.names_are_certified,
        edge.sign_in_is_hosted,
        monitoring.alarms_are_the_designs,
        monitoring.an_outage_is_an_alarm,
        monitoring.alarms_reach_somebody,
        monitoring.dashboard_shows_the_designs_figures,
        permissions.nothing_may_do_everything,
        permissions.roles_may_do_what_they_need,
        permissions.workers_see_their_own_tier,
        permissions.github_is_let_in_by_environment,
        releases.releases_stop_at_what_they_break,
        settings.settings_exist,
        settings.secrets_stay_secret,
        settings.roles_sign_in_as_themselves,
        settings.figures_are_told,
        environments.environments_differ_where_they_may,
        exceptions.exceptions_have_reasons,
    )
}
