//! The rows of the fault matrix, each a case, and which of them run when: in both modes or one, in every test run or only
//! by `fault/matrix`.

/// Makes a test of each mode of each row: `row { always at_least_once, on_demand exactly_once }` is a function `row` that
/// gives the case. What is on demand is left out by `cargo test` and runs by `fault/matrix`.
macro_rules! tests {
    ($($row:ident { $($when:ident $mode:ident),+ })+) => {
        $(mod $row { $(tests!(@ $when $mode $row);)+ })+
    };
    (@ always $mode:ident $row:ident) => {
        #[test]
        fn $mode() {
            super::$row().$mode();
        }
    };
    (@ on_demand $mode:ident $row:ident) => {
        #[test]
        #[ignore = "by fault/matrix"]
        fn $mode() {
            super::$row().$mode();
        }
    };
}

mod broker;
mod failpoints;
mod host;
mod instance;
mod memory;
mod nemesis;
mod network;
mod records;
mod registry;
mod topics;
