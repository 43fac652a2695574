//! Faults of the Schema Registry: away, slow, wrong. Records that need nothing new of it go on.

use crate::fake_registry::Answer;
use crate::fault::case::{Case, EXACT, scaled};
use crate::fault::scene::{PLAN, Plan, Scene};
use std::time::Duration;

tests! {
    down { always at_least_once, on_demand exactly_once }
    wrong { on_demand at_least_once, on_demand exactly_once }
}

/// Asked for the latest version all the time.
const CURIOUS: Plan =
    Plan { settings: &[("pipeline.main.value.refresh_ms", "200"), ("registry.main.failure_cache_ms", "200")], ..PLAN };

fn schema_age(scene: &Scene) -> f64 {
    scene.sidecars[0].metrics().map_or(0.0, |metrics| metrics.sum("schema_age_seconds", &[]))
}

fn down() -> Case {
    Case {
        row: "13 registry down, warm and cold",
        plan: CURIOUS,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.pass(50, "a share to come out");
            scene.registry.down();
            scene.pass(scaled(400, 60_000), "the same work without a registry");
            let age = schema_age(scene);
            scene.prove(format!("the registry was away for {age:.1} s"), age > 1.0);
            // A second one starts without it: it waits, the first one goes on.
            scene.join();
            scene.await_sidecars("the second one to be there", |scene| scene.sidecars[1].probe("live") == Some(200));
            scene.last(scaled(Duration::from_secs(3), Duration::from_secs(60)));
            let waits = scene.sidecars[1].probe("ready") == Some(503);
            scene.prove("a cold start waited".into(), waits);
            scene.recover();
            scene.registry.up();
            scene.await_shared();
            scene.recover();
        },
    }
}

fn wrong() -> Case {
    Case {
        row: "14, 15 registry slow, failing, lying",
        plan: CURIOUS,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.pass(50, "a share to come out");
            for (name, answer) in [
                ("500", Answer::error(500, 50001)),
                ("502", Answer::http(502, "<html>bad gateway</html>")),
                ("429", Answer::Http { status: 429, headers: vec!["Retry-After: 1".into()], body: String::new() }),
                ("404", Answer::error(404, 40401)),
                ("409", Answer::error(409, 40901)),
                ("HTML", Answer::http(200, "<html>welcome</html>")),
                ("another id", Answer::http(200, r#"{"subject":"x","id":99,"version":7,"schema":"{}"}"#)),
                ("truncated", Answer::Truncated),
                ("garbage", Answer::Garbage),
                ("late", Answer::Late(Duration::from_secs(3))),
            ] {
                let before = scene.registry.count("GET", "");
                scene.registry.answer_always(Some(answer));
                scene.pass(scaled(100, 6_000), name);
                scene.await_sidecars("the registry to be asked", |scene| scene.registry.count("GET", "") > before);
                scene.registry.answer_always(None);
                scene.prove(name.into(), true);
            }
            scene.await_sidecars("a good answer", |scene| schema_age(scene) < 0.5);
            scene.recover();
        },
    }
}
