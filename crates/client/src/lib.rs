//! Typed HTTP clients of every surface of A-Ops.
//!
//! - [`DataCenter`]: the internal routes below `/data`, with a service's credential and, for user work, the caller's
//!   token beside it. Used by the services.
//! - [`Platform`]: the public routes. Used by the CLI and by tests.
//!
//! Both carry the id of the request at hand ([`request_id`]) to the service that they call, so that one id follows a
//! piece of work through all logs, and the address of the user's machine ([`client_address`]).

mod call;
pub mod client_address;
mod data_center;
mod platform;
pub mod request_id;

pub use call::{ClientError, Outcome};
pub use data_center::DataCenter;
pub use platform::Platform;

/// Header that carries a request id from service to service.
pub const REQUEST_ID_HEADER: &str = "x-request-id";
/// Header that carries the address of the user's machine from service to service.
pub const CLIENT_ADDRESS_HEADER: &str = "x-client-address";
/// Header that carries `name:secret` of a calling service.
pub const SERVICE_CREDENTIAL_HEADER: &str = "x-service-credential";
