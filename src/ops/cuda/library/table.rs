//! Tables of a library's functions: each is found by its name, and all of them in the very file that was opened.
//!
//! Calls that go by way of a binding's own loader may end in another file: a toolkit's stub, or whichever library of that name comes first.

/// Makes a struct of functions as a library's header declares them, and for each a method that calls it.
macro_rules! table {
    // With `idle`, also a table whose functions do nothing.
    ($(#[$about:meta])* idle $table:ident { $(fn $name:ident($($argument:ident: $kind:ty),* $(,)?) -> $result:ty;)* }) => {
        $crate::cuda::library::table::table! { $(#[$about])* $table { $(fn $name($($argument: $kind),*) -> $result;)* } }

        impl $table {
            /// Functions that do nothing and answer 0.
            #[allow(non_snake_case, clippy::too_many_arguments, reason = "names and arguments are the library's")]
            fn idle() -> Self {
                Self {
                    path: std::path::PathBuf::new(),
                    $($name: {
                        unsafe extern "C" fn $name($(_: $kind),*) -> $result {
                            <$result>::default()
                        }
                        $name
                    },)*
                }
            }
        }
    };
    ($(#[$about:meta])* $table:ident { $(fn $name:ident($($argument:ident: $kind:ty),* $(,)?) -> $result:ty;)* }) => {
        $(#[$about])*
        #[expect(non_snake_case, reason = "names are the library's")]
        pub struct $table {
            /// The file, or the name by which the system found it.
            pub path: std::path::PathBuf,
            $($name: unsafe extern "C" fn($($kind),*) -> $result,)*
        }

        #[allow(non_snake_case, clippy::too_many_arguments, clippy::missing_safety_doc, reason = "names and arguments are the library's")]
        impl $table {
            /// Finds every function.
            ///
            /// # Errors
            /// The first that the file lacks, with a remedy.
            pub fn of(opened: &$crate::cuda::library::Opened) -> Result<Self, String> {
                Ok(Self {
                    path: opened.path.clone(),
                    // SAFETY: the types are those of the library's header.
                    $($name: unsafe { opened.required(stringify!($name)) }?,)*
                })
            }

            $(pub unsafe fn $name(&self, $($argument: $kind),*) -> $result {
                // SAFETY: the caller keeps to what the library's documentation asks of this function.
                unsafe { (self.$name)($($argument),*) }
            })*
        }
    };
}

pub(super) use table;

/// Text that a library keeps for good; empty for a null pointer.
///
/// # Safety
/// `text` is null or ends with a zero byte.
pub(super) unsafe fn text(text: *const std::ffi::c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's.
    unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
