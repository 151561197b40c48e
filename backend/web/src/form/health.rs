//! The part of the form that says how to tell whether a container is well. Pure.

use std::time::Duration;

use orlop_model::health::{HealthCheck, HealthTest, SHORTEST};
use orlop_model::quantity::TimeSpan;

use super::Errors;
use super::container::{ContainerForm, is_on, optional, text};

/// The health check; what is left empty is the image's.
pub(super) fn health(form: &ContainerForm, errors: &mut Errors) -> HealthCheck {
    let line = text(&form.health_cmd);
    if is_on(&form.no_healthcheck) {
        if line.is_some() {
            errors.add("health_cmd", "Either a command or no check at all");
        }
        return HealthCheck {
            test: Some(HealthTest::None),
            ..HealthCheck::default()
        };
    }
    HealthCheck {
        test: line.map(HealthTest::Shell),
        interval: time(errors, "health_interval", &form.health_interval),
        timeout: time(errors, "health_timeout", &form.health_timeout),
        start_period: time(errors, "health_start_period", &form.health_start_period),
        start_interval: None,
        retries: optional(errors, "health_retries", &form.health_retries),
    }
}

fn time(errors: &mut Errors, field: &str, value: &str) -> Option<Duration> {
    let TimeSpan(span) = optional(errors, field, value)?;
    if span < SHORTEST {
        errors.add(field, "At least 1ms");
    }
    Some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_read_and_what_is_empty_is_the_images() {
        let mut errors = Errors::default();
        let form = ContainerForm {
            health_cmd: "curl -f http://localhost/".to_owned(),
            health_interval: "10s".to_owned(),
            health_retries: "5".to_owned(),
            ..ContainerForm::default()
        };
        let check = health(&form, &mut errors);
        assert!(errors.is_empty());
        assert_eq!(check.interval, Some(Duration::from_secs(10)));
        assert_eq!((check.retries, check.timeout), (Some(5), None));
        assert!(matches!(check.test, Some(HealthTest::Shell(_))));
    }

    #[test]
    fn what_is_wrong_is_said_beside_its_field() {
        let mut errors = Errors::default();
        let form = ContainerForm {
            health_interval: "0".to_owned(),
            health_timeout: "soon".to_owned(),
            health_retries: "-1".to_owned(),
            ..ContainerForm::default()
        };
        health(&form, &mut errors);
        let both = ContainerForm {
            health_cmd: "true".to_owned(),
            no_healthcheck: "on".to_owned(),
            ..ContainerForm::default()
        };
        health(&both, &mut errors);
        for field in [
            "health_interval",
            "health_timeout",
            "health_retries",
            "health_cmd",
        ] {
            assert!(!errors.of(field).is_empty(), "{field}");
        }
    }
}
